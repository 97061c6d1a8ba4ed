// Cursors of consumers: what they say comes back, and what others made does not come in (S13).

import ClusterModel
import NodeEnvironment
import Personalization
import Testing

@testable import ServingAPI

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct StreamCursorTests {
    static func random(_ random: inout SeededGenerator) -> StreamCursor {
        var cursor = StreamCursor()
        for _ in 0..<random.next() % 6 {
            var position = EffectPosition()
            for _ in 0..<random.next() % 4 {
                let region = RegionNumber(UInt16(random.next() % 4))
                if random.next() % 3 == 0 { position.settle(region, below: Incarnation(random.next() % 50)) }
                position.advance(
                    region, Incarnation(random.next() % 100), to: Offset(random.next() >> (random.next() % 64)))
            }
            cursor.positions[PartitionID(UInt32(random.next() % 64))] = position
        }
        return cursor
    }

    private static func tokens(_ deployment: String = "shop") throws -> StreamTokens {
        StreamTokens(keys: TokenKeys(try ServingFixture.keyring([1])), deploymentID: deployment)
    }

    private static func partitions(_ count: Int) throws -> PartitionCount { try #require(PartitionCount(count)) }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func cursorsComeBack(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let cursor = Self.random(&random)
        let token = try #require(try Self.tokens().seal(cursor))
        let opened = try Self.tokens().open(Data(token), partitions: Self.partitions(64))
        #expect(opened == cursor, "seed \(seed)")
    }

    @Test func cursorsOfElsewhereAreRefused() throws {
        let cursor = StreamCursor([PartitionID(40): EffectPosition()])
        let token = Data(try #require(try Self.tokens().seal(cursor)))
        #expect(throws: TokenError.foreignDeployment) {
            try Self.tokens("other").open(token, partitions: Self.partitions(64))
        }
        #expect(throws: TokenError.foreignPartition) { try Self.tokens().open(token, partitions: Self.partitions(16)) }
    }

    /// Every change of a token's bytes is seen, and none traps.
    @Test func changedTokensAreRefused() throws {
        var random = SeededGenerator(seed: 5)
        let token = try #require(try Self.tokens().seal(Self.random(&random)))
        for place in token.indices {
            var changed = token
            changed[place] ^= 1 << UInt8(random.next() % 8)
            #expect(throws: TokenError.self) {
                try Self.tokens().open(Data(changed), partitions: Self.partitions(64))
            }
        }
        for length in token.indices {
            #expect(throws: TokenError.self) {
                try Self.tokens().open(Data(token.prefix(length)), partitions: Self.partitions(64))
            }
        }
    }

    /// The parser behind the signature: arbitrary bytes are read or refused, and what is read is written the same way.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func arbitraryBytesDoNotTrap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            var writer = ByteWriter()
            Self.random(&random).encode(into: &writer)
            var bytes = writer.bytes
            for _ in 0..<1 + random.next() % 4 where !bytes.isEmpty {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                }
            }
            var reader = ByteReader(bytes)
            guard let cursor = try? StreamCursor(from: &reader) else { continue }
            var again = ByteWriter()
            cursor.encode(into: &again)
            var second = ByteReader(again.bytes)
            let back = try? StreamCursor(from: &second)
            #expect(back == cursor, "seed \(seed)")
        }
    }
}
