// Producers of the log benchmark: each sends its next batch when its last one is on the disk.

import ClusterModel
import EventLog
import NodeEnvironment
import OperatorCommands
import SegmentLog
import Synchronization

/// All producers, on one event loop. Encoding is part of what is measured: a batch is made when it is sent.
final class LogProducers: LogObserver {
    /// What went through.
    struct Totals: Sendable {
        var records = 0
        var payloadBytes = 0
        var latency = LatencyHistogram()
        var failure: String?
    }

    private struct Producer {
        var writers: [OriginLogWriter]
        var turn = 0
        var sentAt = BootInstant(nanoseconds: 0)
    }

    private struct State {
        var producers: [Producer]
        var totals = Totals()
        var isStopped = false
        var underWay = 0
    }

    private let log: SegmentLog
    private let records: [EventRecord]
    private let clock: any NodeClock
    private let state: Mutex<State>
    /// Which producer owns a partition.
    private let count: Int
    private let compresses: Bool
    private let finished: AsyncStream<Void>
    private let end: AsyncStream<Void>.Continuation

    init(_ load: LogBench.Load, partitions: Int, log: SegmentLog, clock: any NodeClock) {
        self.log = log
        self.clock = clock
        count = load.producers
        compresses = load.compresses
        records = LogBench.records(load.records, compressible: load.compresses)
        (finished, end) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let producers = (0..<load.producers).map { number in
            Producer(
                writers: stride(from: number, to: partitions, by: load.producers).map { partition in
                    OriginLogWriter(log: LogBench.log(partition), epoch: Epoch(1))
                })
        }
        state = Mutex(State(producers: producers))
    }

    /// Begins on the loop.
    func start(on loop: any NodeExecutor, partitions: Int) {
        for partition in 0..<partitions { log.observe(LogBench.log(partition), on: loop, self) }
        loop.execute { [self] in for number in 0..<count { send(number) } }
    }

    /// Waits until what is under way is on the disk.
    func stop() async -> Totals {
        let isIdle = state.withLock { state in
            state.isStopped = true
            return state.underWay == 0
        }
        if !isIdle { for await _ in finished { break } }
        return state.withLock(\.totals)
    }

    private func send(_ number: Int) {
        do {
            let batch = try state.withLock { state -> EncodedBatch? in
                guard !state.isStopped else { return nil }
                let turn = state.producers[number].turn
                state.producers[number].turn = (turn + 1) % state.producers[number].writers.count
                for record in records { _ = try state.producers[number].writers[turn].append(record) }
                state.producers[number].sentAt = clock.bootTime()
                state.underWay += 1
                state.totals.records += records.count
                return try state.producers[number].writers[turn].seal(compressing: compresses)
            }
            guard let batch else { return }
            state.withLock { $0.totals.payloadBytes += batch.bytes.count }
            try log.submit(batch)
        } catch {
            fail("\(error)")
        }
    }

    func logFlushed(_ log: LogIdentity, to end: Offset) {
        let number = Int(log.name.partition.rawValue) % count
        let isLast = state.withLock { state in
            state.totals.latency.record(clock.bootTime().since(state.producers[number].sentAt))
            state.underWay -= 1
            return state.isStopped && state.underWay == 0
        }
        if isLast { self.end.yield() }
        send(number)
    }

    func logFenced(_ log: LogIdentity, because error: EventLogError) { fail("\(error)") }

    private func fail(_ reason: String) {
        state.withLock { state in
            state.totals.failure = state.totals.failure ?? reason
            state.isStopped = true
            state.underWay = 0
        }
        end.yield()
    }
}
