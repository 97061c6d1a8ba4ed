// S5, S6: a snapshot restores exactly what it was taken of, markers and bookkeeping included; damage is refused.

import ClusterModel
import EventLog
import MergeableState
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import Personalization

@Suite struct ShardSnapshotTests {
    /// What follows a restore must not differ from what follows the original: late events included.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func aRestoredStateGoesOnLikeTheOriginal(seed: UInt64) throws {
        var random = RandomEvents(seed: seed)
        let (before, after) = (random.events(50), random.events(50))
        var original = try ShardState.folding(before)
        var restored = try ShardSnapshot.decode(ShardSnapshot.encode(original), partition: PartitionID(0))
        #expect(restored.rows == original.rows, "seed \(seed)")
        #expect(restored.vector == original.vector)
        #expect(restored.index.keys == original.index.keys)
        for events in [after, before] {
            try original.fold(
                events, region: 2, from: original.vector.next(in: RegionNumber(2), Incarnation(1)).rawValue)
            try restored.fold(
                events, region: 2, from: restored.vector.next(in: RegionNumber(2), Incarnation(1)).rawValue)
            #expect(restored.digest() == original.digest(), "seed \(seed)")
        }
        #expect(ShardSnapshot.encode(original) == ShardSnapshot.encode(restored), "seed \(seed)")
    }

    @Test func everyFlippedBitIsRefused() throws {
        var random = RandomEvents(seed: 3)
        let bytes = ShardSnapshot.encode(try ShardState.folding(random.events(20)))
        for byte in bytes.indices {
            var damaged = bytes
            damaged[byte] ^= 1 << UInt8(byte % 8)
            #expect(throws: SnapshotError.self, "byte \(byte)") {
                try ShardSnapshot.decode(damaged, partition: PartitionID(0))
            }
        }
        for length in 0..<bytes.count where length % 7 == 0 {
            #expect(throws: SnapshotError.self) {
                try ShardSnapshot.decode(Array(bytes[..<length]), partition: PartitionID(0))
            }
        }
        #expect(throws: SnapshotError.self) { try ShardSnapshot.decode(bytes, partition: PartitionID(1)) }
    }

    /// FAULTS 19: the newest generation is damaged, then both are.
    @Test func theOlderGenerationServesWhenTheNewestIsDamaged() throws {
        let files = SimulatedFileStore()
        let store = SnapshotStore(directory: "snapshots", files: files)
        var random = RandomEvents(seed: 4)
        let events = random.events(30)
        let states = try [10, 20, 30].map { try ShardState.folding(Array(events[..<$0])) }
        for state in states { try store.save(ShardSnapshot.encode(state), of: PartitionID(0)) }
        let paths = files.paths().filter { $0.hasSuffix(".snapshot") }
        #expect(paths.count == GenerationChoice.kept)
        #expect(try store.load(PartitionID(0)).state?.rows == states[2].rows)
        #expect(try store.load(PartitionID(1)).state == nil)
        files.flipBit(of: paths[1], byte: 100, bit: 3)
        let older = try store.load(PartitionID(0))
        #expect(older.state?.rows == states[1].rows)
        #expect(older.refused.count == 1)
        files.flipBit(of: paths[0], byte: 100, bit: 3)
        let none = try store.load(PartitionID(0))
        #expect(none.state == nil)
        #expect(none.refused.count == 2)
    }

    /// A power cut at any moment of a save leaves the generation before it.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func aCrashDuringASaveLeavesTheOlderOne(seed: UInt64) throws {
        let files = SimulatedFileStore()
        let store = SnapshotStore(directory: "snapshots", files: files)
        var random = RandomEvents(seed: seed)
        let events = random.events(20)
        let old = try ShardState.folding(Array(events[..<10]))
        try store.save(ShardSnapshot.encode(old), of: PartitionID(0))
        var faults = DiskFaults()
        faults.syncsBeforeFailure = 0
        files.setFaults(faults)
        #expect(throws: (any Error).self) {
            try store.save(ShardSnapshot.encode(try ShardState.folding(events)), of: PartitionID(0))
        }
        files.crash(using: &random.generator)
        files.setFaults(DiskFaults())
        #expect(try store.load(PartitionID(0)).state?.rows == old.rows, "seed \(seed)")
    }
}
