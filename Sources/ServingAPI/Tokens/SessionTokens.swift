// Session tokens of clients (S12), as vectors.

import ClusterModel
import MergeableState
import Personalization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Opens the tokens that come in and makes those that go out.
struct SessionTokens: Sendable {
    private let keys: TokenKeys
    private let deployment: UInt64
    private let region: RegionNumber

    init(keys: TokenKeys, deploymentID: String, region: RegionNumber) {
        self.keys = keys
        self.region = region
        deployment = SessionToken.deploymentHash(of: deploymentID)
    }

    /// What a token names; nil for no token.
    func open(_ bytes: Data, partition: PartitionID) throws(Refusal) -> VersionVector? {
        guard !bytes.isEmpty else { return nil }
        try Self.checkLength(bytes)
        do throws(TokenError) {
            return try vector(of: bytes, partition)
        } catch {
            throw Refusal(sessionToken: error)
        }
    }

    /// The same for a read, which must not be refused for a key that only another region has (S3, S12): what cannot be opened
    /// demands nothing. Throws for tokens of other places and for what is no token, and where the session is demanded.
    func openForRead(
        _ bytes: Data, partition: PartitionID, isDemanded: Bool
    ) throws(Refusal) -> (session: VersionVector?, isUnopened: Bool) {
        guard !bytes.isEmpty else { return (nil, false) }
        try Self.checkLength(bytes)
        do throws(TokenError) {
            return (try vector(of: bytes, partition), false)
        } catch {
            // Two secrets under one id show as a signature that does not verify.
            switch error {
            case .unknownKey where !isDemanded, .badSignature where !isDemanded: return (nil, true)
            default: throw Refusal(sessionToken: error)
            }
        }
    }

    private static func checkLength(_ bytes: Data) throws(Refusal) {
        guard bytes.count <= RequestBounds.sessionTokenBytes else {
            throw .outOfBounds("session_token", "at most \(RequestBounds.sessionTokenBytes) bytes")
        }
    }

    private func vector(of bytes: Data, _ partition: PartitionID) throws(TokenError) -> VersionVector {
        let token = try SessionToken(
            opening: Array(bytes), with: keys.ring, deployment: deployment, topic: .userEvents, partition: partition)
        return VersionVector(
            token.entries.lazy.map {
                VersionVector.Entry(region: $0.region, incarnation: $0.incarnation, next: $0.next)
            })
    }

    /// The token that names `vector`, or the part of it that fits (`kept`).
    func seal(_ vector: VersionVector, partition: PartitionID) -> [UInt8] {
        var entries = vector.entries
        if entries.count > SessionToken.maxEntries { entries = kept(of: entries, SessionToken.maxEntries) }
        while !entries.isEmpty {
            let token = SessionToken(
                deployment: deployment, topic: .userEvents, partition: partition,
                entries: entries.map {
                    SessionToken.Entry(region: $0.region, incarnation: $0.incarnation, next: $0.next)
                })
            // Sealing fails only for a token above its size, which offsets above 2^56 would make: name one entry less.
            if let bytes = try? token.sealed(with: keys.ring) { return bytes }
            entries = kept(of: entries, entries.count - 1)
        }
        return []
    }

    /// The entries that matter most to a session. First each region's newest incarnation, which normally stands for its
    /// whole line (S1), the answering region's before others and recent starts before old ones; then older incarnations,
    /// the most recent first. What is left out can no longer be demanded by the client: a weaker session, never a
    /// wrong answer.
    func kept(of entries: [VersionVector.Entry], _ count: Int) -> [VersionVector.Entry] {
        var newest: [RegionNumber: Incarnation] = [:]
        for entry in entries {
            newest[entry.region] = max(newest[entry.region] ?? entry.incarnation, entry.incarnation)
        }
        func rank(_ entry: VersionVector.Entry) -> (Int, UInt64) {
            let isNewest = newest[entry.region] == entry.incarnation
            return (isNewest ? (entry.region == region ? 0 : 1) : 2, ~entry.incarnation.rawValue)
        }
        return Array(entries.sorted { rank($0) < rank($1) }.prefix(count))
    }

    /// What a client has seen after an answer that stands on `applied`: all of it, and what its session named beyond.
    /// What the session named and was met is contained in `applied`, whatever incarnation it stood in; what was lost is
    /// dropped, and nothing else is (S12).
    func following(_ session: SessionOutcome?, applied: VersionVector) -> VersionVector {
        var following = applied
        for entry in session?.pending ?? [] { following.advance(entry) }
        return following
    }

    /// A session and the positions of new events: the highest of each incarnation.
    func merged(_ session: VersionVector?, _ positions: VersionVector) -> VersionVector {
        guard let session else { return positions }
        var merged = positions
        for entry in session.entries { merged.advance(entry) }
        return merged
    }
}
