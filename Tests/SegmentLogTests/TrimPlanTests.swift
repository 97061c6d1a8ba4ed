// Which segments may go: properties over random journals and floors (S5, S8), and each reason by itself.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct TrimPlanTests {
    private static let segmentBytes: UInt64 = 100

    static func identity(_ number: UInt32) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(number)),
            incarnation: Incarnation(5))
    }

    private static func segment(_ generation: UInt64, end: UInt64, atMilliseconds time: UInt64) -> SegmentContents {
        let stamp = HybridStamp(at: WallTime(milliseconds: time))
        return SegmentContents(
            generation: generation, bytes: segmentBytes,
            parts: [identity(0): SegmentContents.Part(end: Offset(end), lastStamp: stamp)])
    }

    private static func inputs(_ floor: TrimFloor? = .open, pins: [TrimPin] = []) -> TrimInputs {
        TrimInputs(
            floors: floor.map { [identity(0): $0] } ?? [:], pins: pins, now: WallTime(milliseconds: 1_000_000),
            retention: .seconds(100), retentionBytes: 1_000, pinMaxBytes: 1_000)
    }

    private static func hold(
        _ inputs: TrimInputs, end: UInt64 = 10, atMilliseconds time: UInt64 = 1, journalBytes: UInt64 = 500
    ) -> TrimHold? {
        var plan = TrimPlan(inputs, journalBytes: journalBytes)
        _ = plan.take(segment(1, end: end, atMilliseconds: time))
        return plan.hold
    }

    @Test("S8: retention holds by age, and lets go by bytes")
    func retention() {
        #expect(Self.hold(Self.inputs()) == nil)
        #expect(Self.hold(Self.inputs(), atMilliseconds: 950_000) == .retention)
        #expect(Self.hold(Self.inputs(), atMilliseconds: 950_000, journalBytes: 1_001) == nil)
    }

    @Test("S5: no snapshot, no member's cursor and no id is passed, however full the journal is")
    func floors() {
        let log = Self.identity(0)
        var floor = TrimFloor.open
        floor.snapshot = Offset(9)
        #expect(Self.hold(Self.inputs(floor), journalBytes: 1 << 40) == .snapshot(log))
        floor = .open
        floor.members = Offset(9)
        floor.slowest = RegionNumber(3)
        #expect(Self.hold(Self.inputs(floor), journalBytes: 1 << 40) == .member(RegionNumber(3), log))
        floor = .open
        floor.forgettable = HybridStamp(at: WallTime(milliseconds: 1))
        #expect(Self.hold(Self.inputs(floor), journalBytes: 1 << 40) == .ids(log))
        #expect(Self.hold(Self.inputs(nil), journalBytes: 1 << 40) == .notFolded(log))
    }

    @Test("Pins hold up to their bound; beyond it they are named")
    func pins() {
        let pin = TrimPin(name: "audit", next: [Self.identity(0): Offset(9)])
        #expect(Self.hold(Self.inputs(pins: [pin])) == .pin("audit"))
        var plan = TrimPlan(Self.inputs(pins: [pin]), journalBytes: 1_001)
        let isGoing = plan.take(Self.segment(1, end: 10, atMilliseconds: 1))
        #expect(isGoing)
        #expect(plan.brokenPins == ["audit"])
        let passed = TrimPin(name: "audit", next: [Self.identity(0): Offset(10)])
        #expect(Self.hold(Self.inputs(pins: [passed])) == nil)
    }

    private static func randomJournal(_ generator: inout SeededGenerator) -> [SegmentContents] {
        var ends = [UInt64](repeating: 0, count: 4)
        var time: UInt64 = 0
        return (1...12 as ClosedRange<UInt64>).map { generation in
            var parts: [LogIdentity: SegmentContents.Part] = [:]
            for log in 0..<4 where generator.next() % 3 > 0 {
                ends[log] += 1 + generator.next() % 9
                time += generator.next() % 20_000
                parts[identity(UInt32(log))] = SegmentContents.Part(
                    end: Offset(ends[log]), lastStamp: HybridStamp(at: WallTime(milliseconds: time)))
            }
            return SegmentContents(generation: generation, bytes: segmentBytes, parts: parts)
        }
    }

    private static func randomInputs(_ generator: inout SeededGenerator) -> TrimInputs {
        var floors: [LogIdentity: TrimFloor] = [:]
        for log in 0..<4 {
            floors[identity(UInt32(log))] = TrimFloor(
                snapshot: Offset(generator.next() % 70), members: Offset(generator.next() % 70),
                forgettable: HybridStamp(at: WallTime(milliseconds: generator.next() % 900_000)))
        }
        return TrimInputs(
            floors: floors, now: WallTime(milliseconds: generator.next() % 1_000_000), retention: .seconds(50),
            retentionBytes: generator.next() % 1_500, pinMaxBytes: 1_000)
    }

    private static func plan(_ inputs: TrimInputs, _ journal: [SegmentContents]) -> TrimPlan {
        var plan = TrimPlan(inputs, journalBytes: segmentBytes * UInt64(journal.count))
        for segment in journal { _ = plan.take(segment) }
        return plan
    }

    @Test("S5, S8: what goes is a prefix, lies below every floor, and never shrinks when floors rise")
    func anyJournal() {
        for seed in 0..<400 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let journal = Self.randomJournal(&generator)
            var inputs = Self.randomInputs(&generator)
            let plan = Self.plan(inputs, journal)
            #expect(plan.going == Array(journal.map(\.generation).prefix(plan.going.count)), "seed \(seed)")
            for segment in journal.prefix(plan.going.count) {
                for (log, part) in segment.parts {
                    let floor = inputs.floors[log] ?? .open
                    #expect(
                        floor.snapshot >= part.end && floor.members >= part.end && floor.forgettable > part.lastStamp,
                        "seed \(seed), segment \(segment.generation)")
                }
            }
            for log in inputs.floors.keys {
                inputs.floors[log]?.snapshot = Offset(70)
                inputs.floors[log]?.members = Offset(70)
            }
            #expect(Self.plan(inputs, journal).going.starts(with: plan.going), "seed \(seed)")
        }
    }
}
