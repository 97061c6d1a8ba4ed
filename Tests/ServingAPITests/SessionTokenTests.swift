// What session tokens keep when they overflow (S12).

import ClusterModel
import MergeableState
import Personalization
import Testing

@testable import ServingAPI

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct SessionTokenTests {
    private static func entry(_ region: UInt16, _ incarnation: UInt64, _ next: UInt64 = 5) -> VersionVector.Entry {
        VersionVector.Entry(
            region: RegionNumber(region), incarnation: Incarnation(incarnation), next: Offset(next))
    }

    private static func tokens() throws -> SessionTokens {
        SessionTokens(keys: TokenKeys(try ServingFixture.keyring([1])), deploymentID: "shop", region: RegionNumber(3))
    }

    private func round(_ vector: VersionVector) throws -> VersionVector {
        let tokens = try Self.tokens()
        let bytes = tokens.seal(vector, partition: PartitionID(1))
        #expect(bytes.count <= 256)
        return try #require(try tokens.open(Data(bytes), partition: PartitionID(1)))
    }

    @Test func tokensReadBack() throws {
        let vector = VersionVector((1...12).map { Self.entry($0, 100 + UInt64($0), 1 << 50) })
        #expect(try round(vector) == vector)
        #expect(try Self.tokens().open(Data(), partition: PartitionID(1)) == nil)
    }

    /// Of more than 12 entries: the newest incarnation of each region before older ones, the own region's first.
    @Test func overflowKeepsTheNewestIncarnations() throws {
        let newest = (1...10).map { Self.entry($0, 1_000 + UInt64($0)) }
        let older = (1...6).map { Self.entry($0, 500 + UInt64($0)) }
        let kept = try round(VersionVector(newest + older))
        #expect(kept == VersionVector(newest + [Self.entry(6, 506), Self.entry(5, 505)]))
        let crowded = (1...20).map { Self.entry($0, $0 == 3 ? 1 : 1_000 + UInt64($0)) }
        let ofMany = try round(VersionVector(crowded))
        #expect(ofMany == VersionVector(crowded.filter { $0.region.rawValue == 3 || $0.region.rawValue > 9 }))
    }

    /// Offsets above 2^56 make entries longer than a token has room for: fewer are named.
    @Test func longOffsetsNameFewerEntries() throws {
        let vector = VersionVector((1...12).map { Self.entry($0, UInt64($0), .max) })
        let kept = try round(vector)
        #expect((10...11).contains(kept.entries.count))
        #expect(kept.next(in: RegionNumber(3), Incarnation(3)) == Offset(.max))
    }

    /// S12: what was met is contained in what was applied, what was lost is dropped, and only what is pending is carried on.
    @Test func pendingEntriesAreCarriedOn() throws {
        let tokens = try Self.tokens()
        let applied = VersionVector([Self.entry(3, 9, 10)])
        #expect(tokens.following(nil, applied: applied) == applied)
        #expect(tokens.following(SessionOutcome(lost: [Self.entry(3, 8, 4)]), applied: applied) == applied)
        let pending = [Self.entry(3, 8, 4), Self.entry(3, 9, 12), Self.entry(4, 2, 6)]
        let outcome = SessionOutcome(pending: pending, lost: [Self.entry(4, 1, 3)])
        #expect(tokens.following(outcome, applied: applied) == VersionVector(pending))
    }
}
