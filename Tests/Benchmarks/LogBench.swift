// The measurements of `meridian-bench log`.

import ClusterModel
import EventLog
import Foundation
import NodeEnvironment
import OperatorCommands
import SegmentLog
import Synchronization

struct LogBench: Sendable {
    struct Plan: Sendable {
        var partitions: Int
        var records: Int
        var duration: Duration
        var replayBytes: Int
        /// Without a prepared segment, as a journal begins.
        var isFresh = false
    }

    /// One pattern of appends.
    struct Load: Sendable {
        var name: String
        var producers: Int
        /// Of a batch.
        var records: Int
        var compresses = false
        var syncs = true
        var marksBeforeAck = false
    }

    struct Measured: Sendable {
        var result: BenchResult
        var pattern: RecordingFiles.Pattern
        var seconds: Double
    }

    let plan: Plan
    let environment: NodeEnvironment
    let scratch: ScratchDirectory

    /// With the record's header 204 bytes.
    private static let bodyBytes = 204 - EventRecord.headerLength

    static func log(_ partition: Int) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(UInt32(partition))),
            incarnation: Incarnation(1))
    }

    /// Bodies of random bytes, or of bytes that repeat as those of events do.
    static func records(_ count: Int, compressible: Bool) -> [EventRecord] {
        var generator = SeededGenerator(seed: 1)
        return (0..<count).map { number in
            var body = ByteWriter(reservingCapacity: bodyBytes + 8)
            while body.count < bodyBytes {
                body.write(compressible ? generator.next() & 0x0f0f_0f0f : generator.next())
            }
            return EventRecord(
                kind: .interaction, stamp: HybridStamp(rawValue: UInt64(number)),
                id: EventID(time: UInt64(number), client: 7), body: Array(body.bytes.prefix(bodyBytes)))
        }
    }

    // MARK: Appending

    /// The load, and then the same writes and syncs without a log.
    func compare(_ load: Load, _ report: inout BenchReport) async throws {
        let measured = try await append(load)
        let raw = try await raw(measured, named: load.name)
        report.results += [measured.result, raw.result]
        report.ratios.append(
            (
                "\(load.name)_vs_raw",
                raw.seconds / measured.seconds * Double(measured.pattern.bytes)
                    / Double(max(1, raw.pattern.bytes))
            ))
    }

    func append(_ load: Load) async throws -> Measured {
        let directory = "\(scratch.path)/\(load.name)"
        if !plan.isFresh { try await warmUp(directory) }
        let files = RecordingFiles(environment.files, syncs: load.syncs)
        let recorded = NodeEnvironment(
            clock: environment.clock, entropy: environment.entropy, executors: environment.executors, files: files,
            links: environment.links)
        let log = try SegmentLog.open(
            directory: directory, environment: recorded,
            limits: JournalLimits(marksBeforeAck: load.marksBeforeAck))
        let producers = LogProducers(load, partitions: plan.partitions, log: log, clock: environment.clock)
        let cpu = CPUTime.process
        let started = environment.clock.bootTime()
        producers.start(on: environment.executors.loops[0], partitions: plan.partitions)
        try await environment.clock.sleep(for: plan.duration)
        let totals = await producers.stop()
        let seconds = environment.clock.bootTime().since(started) / .seconds(1)
        let used = CPUTime.process - cpu
        let pattern = files.pattern.withLock { $0 }
        await log.close()
        if let failure = totals.failure { throw OperatorFailure(.unreachable, "the log ended: \(failure)") }
        let records = Double(max(1, totals.records))
        let result = BenchResult(
            name: load.name,
            parameters: [
                ("producers", "\(load.producers)"), ("partitions", "\(plan.partitions)"),
                ("records_per_batch", "\(load.records)"), ("record_bytes", "204"),
                ("segment", plan.isFresh ? "reserved" : "prepared"), ("lz4", load.compresses ? "on" : "off"),
                ("fsync", load.syncs ? "before each ack" : "never"),
            ],
            figures: [
                ("records_per_second", records / seconds),
                ("bytes_per_second", Double(totals.payloadBytes) / seconds),
                ("p50_us", Double(totals.latency.quantileMicroseconds(0.5))),
                ("p99_us", Double(totals.latency.quantileMicroseconds(0.99))),
                ("cpu_ns_per_record", used / .nanoseconds(1) / records),
                ("syncs_per_second", Double(pattern.syncs) / seconds),
                ("records_per_sync", records / Double(max(1, pattern.syncs))),
                ("syscalls_per_batch", Double(pattern.writes.count + pattern.syncs) * Double(load.records) / records),
                ("write_amplification", Double(pattern.bytes) / Double(max(1, totals.payloadBytes))),
                ("prepared_bytes_per_second", Double(pattern.preparedBytes) / seconds),
            ])
        return Measured(result: result, pattern: pattern, seconds: seconds)
    }

    // MARK: The machine's limit

    /// The same writes and syncs, one after the other, by a thread that does nothing else.
    private func raw(_ measured: Measured, named name: String) async throws -> Measured {
        let worker = environment.executors.makeDedicatedExecutor(label: "raw")
        defer { worker.shutDown() }
        let (files, clock, limit) = (environment.files, environment.clock, plan.duration)
        let path = "\(scratch.path)/\(name)-raw"
        let writes = measured.pattern.writes
        let (done, seconds) = try await worker.run { () throws(FileError) in
            try Self.write(writes, to: path, files, clock, for: limit)
        }
        return Measured(
            result: BenchResult(
                name: name.replacing("append", with: "raw"),
                parameters: [("writes", "\(done.writes.count)"), ("sync", "fdatasync after each")],
                figures: [
                    ("bytes_per_second", Double(done.bytes) / seconds),
                    ("syncs_per_second", Double(done.syncs) / seconds),
                ]),
            pattern: done, seconds: seconds)
    }

    private static let segmentBytes = 64 << 20

    private static func write(
        _ sizes: [Int], to path: String, _ files: any FileStore, _ clock: any NodeClock, for limit: Duration
    ) throws(FileError) -> (RecordingFiles.Pattern, Double) {
        let bytes = [UInt8](repeating: 0xa5, count: sizes.max() ?? 0)
        var done = RecordingFiles.Pattern()
        var position = 0
        var number = 0
        var file: any StoredFile = try files.open("\(path)-0", .createOrReplace)
        try file.reserve(length: UInt64(segmentBytes))
        let started = clock.bootTime()
        for size in sizes where clock.bootTime().since(started) < limit {
            if position + size > segmentBytes {
                file.close()
                number += 1
                file = try files.open("\(path)-\(number)", .createOrReplace)
                try file.reserve(length: UInt64(segmentBytes))
                position = 0
            }
            try file.write(Array(bytes.prefix(size)), at: UInt64(position))
            try file.synchronizeData()
            position += size
            done.writes.append(size)
            done.syncs += 1
        }
        file.close()
        return (done, clock.bootTime().since(started) / .seconds(1))
    }
}
