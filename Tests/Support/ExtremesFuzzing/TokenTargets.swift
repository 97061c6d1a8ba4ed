// Tokens whose signature is right: somebody has the key, or had it.

import ClusterModel
import EventLog
import MergeableState
import Personalization
import ServingAPI

/// Payloads of sessions, items and cursors, sealed anew; the first byte says which.
struct TokenTarget: ExtremesTarget {
    let name = "tokens"
    let grammar = ExtremesGrammar(
        bounds: [UInt64(SessionToken.maxEntries), 128, 8, 234, UInt64(PartitionCount.maximum), 1 << 16],
        strides: [10, 11])
    private let keyring: TokenKeyring?

    init() {
        // Without a key nothing is taken, and the run says so.
        keyring = (try? TokenKey(id: 1, secret: [UInt8](repeating: 7, count: 32))).flatMap {
            try? TokenKeyring([$0], signingID: 1)
        }
    }

    private static let deployment = SessionToken.deploymentHash(of: "shop")

    var seeds: [[UInt8]] { [0, 1, SessionToken.maxEntries].map(session) + [item] + [0, 2].map(cursor) }

    private func session(_ count: Int) -> [UInt8] {
        let token = SessionToken(
            deployment: Self.deployment, topic: .userEvents, partition: ExtremesSamples.partition,
            entries: (0..<count).map {
                .init(region: RegionNumber(UInt16($0)), incarnation: Incarnation(5), next: Offset(7))
            })
        return payload(SealedToken.Kind.session, of: keyring.flatMap { try? token.sealed(with: $0) })
    }

    private var item: [UInt8] {
        let token = ItemToken(contentID: "item:1", category: 3, language: "en")
        return payload(SealedToken.Kind.item, of: keyring.flatMap { try? token.sealed(with: $0) })
    }

    private func cursor(_ count: Int) -> [UInt8] {
        var cursor = StreamCursor()
        for partition in 0..<UInt32(count) {
            var position = EffectPosition()
            position.settle(RegionNumber(1), below: Incarnation(5))
            position.advance(RegionNumber(1), Incarnation(6), to: Offset(9))
            position.advance(RegionNumber(2), Incarnation(7), to: Offset(300))
            cursor.positions[PartitionID(partition)] = position
        }
        var writer = ByteWriter()
        writer.write(SealedToken.Kind.cursor.rawValue)
        cursor.encode(into: &writer)
        return writer.bytes
    }

    private func payload(_ kind: SealedToken.Kind, of sealed: [UInt8]?) -> [UInt8] {
        [kind.rawValue] + (sealed ?? []).dropFirst(SealedToken.headerBytes)
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let keyring, let first = bytes.first, let kind = SealedToken.Kind(rawValue: first) else { return false }
        let payload = Array(bytes.dropFirst())
        guard kind != .cursor else { return read(payload) }
        guard
            let sealed = SealedToken.seal(
                kind, with: keyring, capacity: payload.count, write: { $0.write(raw: payload) })
        else { return false }
        if kind == .item { return (try? ItemToken(opening: sealed, with: keyring)) != nil }
        let token = try? SessionToken(
            opening: sealed, with: keyring, deployment: Self.deployment, topic: .userEvents,
            partition: ExtremesSamples.partition)
        let state = ExtremesSamples.state()
        for entry in token?.entries ?? [] {
            _ = state.lines.verdict(on: .init(region: entry.region, incarnation: entry.incarnation, next: entry.next))
        }
        return token != nil
    }

    private func read(_ payload: [UInt8]) -> Bool {
        var reader = ByteReader(payload)
        guard let cursor = try? StreamCursor(from: &reader) else { return false }
        for position in cursor.positions.values {
            _ = (position.next(in: RegionNumber(1), Incarnation(.max)), position.covers(position))
        }
        var writer = ByteWriter()
        cursor.encode(into: &writer)
        return true
    }
}
