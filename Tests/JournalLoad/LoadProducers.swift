// Producers over many logs: each sends its next batch when its last one is acknowledged.

import ClusterModel
import EventLog
import Glibc
import NodeEnvironment
import SegmentLog
import Synchronization

/// A producer owns the logs whose number is its own modulo the number of producers.
final class LoadProducers: LogObserver {
    private struct Sent {
        var end: Offset
        var digest: Digest128
        var producer: Int
    }

    private struct State {
        var writers: [OriginLogWriter]
        var generator: SeededGenerator
        var sent: [LogIdentity: Sent] = [:]
        var acknowledged = 0
    }

    private let plan: LoadPlan
    private let log: SegmentLog
    private let state: Mutex<State>
    private let finished: AsyncStream<Void>
    private let end: AsyncStream<Void>.Continuation

    init(_ plan: LoadPlan, log: SegmentLog) {
        self.plan = plan
        self.log = log
        (finished, end) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let writers = (0..<plan.logs).map { number in
            let isMirrored = number % 2 == 0
            let name = LogName(
                region: RegionNumber(isMirrored ? 2 : 1), topic: .userEvents, partition: PartitionID(UInt32(number)))
            let identity = LogIdentity(name: name, incarnation: isMirrored ? Incarnation(1) : plan.incarnation)
            let found = log.summary(of: identity)
            return OriginLogWriter(
                log: identity, epoch: Epoch(1), end: found?.flushedEnd ?? .zero, digest: found?.endDigest ?? .zero)
        }
        state = Mutex(State(writers: writers, generator: SeededGenerator(seed: plan.seed)))
    }

    /// Returns when all is acknowledged; the process ends where the log does.
    func run(on executor: any NodeExecutor) async {
        for writer in state.withLock(\.writers) { log.observe(writer.log, on: executor, self) }
        executor.execute { for producer in 0..<self.plan.producers { self.send(producer) } }
        for await _ in finished { break }
    }

    private func send(_ producer: Int) {
        do throws(any Error) {
            let batch = try state.withLock { state throws(any Error) in try Self.next(producer, plan, &state) }
            guard let batch else { fail("an empty batch") }
            let identity = JournalLoad.name(batch.header.log)
            JournalLoad.say(
                "submit \(identity) \(batch.header.baseOffset.rawValue) \(batch.endOffset.rawValue) "
                    + JournalLoad.name(batch.chainDigest))
            try log.submit(batch)
        } catch {
            fail("\(error)")
        }
    }

    private static func next(
        _ producer: Int, _ plan: LoadPlan, _ state: inout State
    ) throws(BatchError) -> EncodedBatch? {
        let own = plan.logs / plan.producers
        let number = producer + plan.producers * Int(state.generator.next() % UInt64(max(1, own)))
        for _ in 0..<1 + state.generator.next() % 6 {
            let size = state.generator.next() % 24 == 0 ? 200_000 : 1 + state.generator.next() % 1_500
            var body = ByteWriter(reservingCapacity: Int(size) + 8)
            while body.count < Int(size) { body.write(state.generator.next()) }
            _ = try state.writers[number].append(
                EventRecord(
                    kind: .interaction, stamp: HybridStamp(rawValue: state.writers[number].nextOffset.rawValue),
                    id: EventID(time: plan.incarnation.rawValue, client: state.generator.next()), body: body.bytes))
        }
        guard let batch = try state.writers[number].seal(compressing: state.generator.next() % 4 == 0) else {
            return nil
        }
        state.sent[batch.header.log] = Sent(end: batch.endOffset, digest: batch.chainDigest, producer: producer)
        return batch
    }

    func logFlushed(_ log: LogIdentity, to end: Offset) {
        let (sent, goesOn, isOver) = state.withLock { state -> (Sent?, Bool, Bool) in
            guard let sent = state.sent[log], sent.end <= end else { return (nil, false, false) }
            state.sent[log] = nil
            state.acknowledged += 1
            let goesOn = state.acknowledged < plan.batches
            return (sent, goesOn, !goesOn && state.sent.isEmpty)
        }
        guard let sent else { return }
        JournalLoad.say("flushed \(JournalLoad.name(log)) \(sent.end.rawValue) \(JournalLoad.name(sent.digest))")
        if goesOn { send(sent.producer) }
        if isOver { self.end.yield() }
    }

    func logFenced(_ log: LogIdentity, because error: EventLogError) { fail("\(error)") }

    private func fail(_ reason: String) -> Never {
        JournalLoad.say("failed \(reason)")
        exit(1)
    }
}
