// C24: what others ask of a replay waits for no reading of the disk.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Synchronization
import Testing

@testable import Personalization

@Suite struct EffectReplayLockTests {
    @Test("C24: a replay is asked, and discarded, while its step reads the disk", .timeLimit(.minutes(1)))
    func neverWaits() async throws {
        let loop = QueueLoop()
        let region = try await TestRegion(1, of: [1], loop: loop)
        region.send([region.click("one", client: 7)])
        let replay = EffectReplay(
            PartitionID(0), at: EffectPosition(), knowing: KnownEnds(),
            settings: EffectSettings(members: [RegionNumber(1)], bounds: .standard))
        let asked = Count()
        let engine = AskingEngine(region.disk) {
            // On the thread of the step: a lock that it holds would be waited for, for ever. While it moves nobody can say
            // what it knows.
            if replay.known(of: []) == nil { asked.value.add(1, ordering: .relaxed) }
            _ = replay.hasLetGo
        }
        var items: [EffectItem] = []
        while true {
            let step = try replay.step(from: engine, maxBytes: 1 << 20)
            items += step.items
            if step.isAtEnd { break }
        }
        #expect(asked.value.load(ordering: .relaxed) > 0)
        let keys = items.flatMap(\.effects).map(\.key)
        #expect(keys.count == 1 && replay.known(of: keys) == Set(keys))
        let discarding = AskingEngine(region.disk) { replay.discard() }
        region.send([region.click("two", client: 8)])
        _ = try replay.step(from: discarding, maxBytes: 1 << 20)
        #expect(replay.known(of: keys) == nil)
        #expect(throws: EffectFailure.self) { try replay.step(from: region.disk, maxBytes: 1 << 20) }
    }
}

private final class Count: Sendable {
    let value = Atomic(0)
}

/// Does something whenever the disk is read.
private final class AskingEngine: EventLogEngine {
    private let base: MemoryEngine
    private let onRead: @Sendable () -> Void

    init(_ base: MemoryEngine, onRead: @escaping @Sendable () -> Void) {
        self.base = base
        self.onRead = onRead
    }

    func read(_ log: LogIdentity, from offset: Offset, maxBytes: Int) throws(EventLogError) -> [EncodedBatch] {
        onRead()
        return try base.read(log, from: offset, maxBytes: maxBytes)
    }

    func read(
        _ places: [(log: LogIdentity, offset: Offset)], total: Int
    ) throws(EventLogError) -> [LogIdentity: LogReading] {
        onRead()
        return try base.read(places, total: total)
    }

    var recovered: RecoveryReport { base.recovered }
    var failure: EventLogError? { base.failure }
    var isFull: Bool { base.isFull }
    func submit(_ batch: EncodedBatch) throws(EventLogError) { try base.submit(batch) }
    func observe(_ log: LogIdentity, on executor: any NodeExecutor, _ observer: any LogObserver) {
        base.observe(log, on: executor, observer)
    }
    func flushedEnd(of log: LogIdentity) -> Offset { base.flushedEnd(of: log) }
    func producers(of line: LogName) -> ProducerTable { base.producers(of: line) }
    func logs() -> [LogSummary] { base.logs() }
    func summary(of log: LogIdentity) -> LogSummary? { base.summary(of: log) }
    func chainDigest(of log: LogIdentity, at offset: Offset) -> Digest128? { base.chainDigest(of: log, at: offset) }
    func watch(on executor: any NodeExecutor, _ onCommit: @escaping @Sendable ([LogIdentity]) -> Void) -> Bool {
        base.watch(on: executor, onCommit)
    }
    func recent(_ log: LogIdentity, from offset: Offset, maxBytes: Int) -> [EncodedBatch]? {
        base.recent(log, from: offset, maxBytes: maxBytes)
    }
    func drop(below floors: [LogName: Incarnation]) { base.drop(below: floors) }
    func close() async { await base.close() }
}
