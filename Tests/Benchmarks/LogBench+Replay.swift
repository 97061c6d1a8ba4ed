// The reading half of `meridian-bench log`: opening a journal, cold and warm, and decoding all of it.

import ClusterModel
import EventLog
import Foundation
import Glibc
import NodeEnvironment
import OperatorCommands
import SegmentLog

extension LogBench {
    /// What one opening took.
    private struct Opening: Sendable {
        var log: SegmentLog
        var records = 0
        /// Over every field of every record: keeps the decoding from being left out.
        var check: UInt64 = 0
        var seconds = 0.0
        /// Of the thread that reads: what a core is busy for, whatever else runs on the machine.
        var cpuSeconds = 0.0
    }

    /// Opens a journal as a kill leaves it and as a clean stop does, then replays it: every record is decoded.
    func replay() async throws -> [BenchResult] {
        let directory = "\(scratch.path)/replay"
        let (bytes, records) = try await prepare(directory)
        var results: [BenchResult] = []
        for (name, isCold, decodes) in [
            ("open-after-kill", true, false), ("open-after-clean-stop", true, false),
            ("open-after-clean-stop", false, false), ("replay", true, true), ("replay", false, true),
        ] {
            if isCold { Self.dropCache(of: directory) }
            let opening = try await open(directory, decodes: decodes)
            await opening.log.close()
            guard !decodes || opening.records == records else {
                throw OperatorFailure(.unreachable, "\(records) records were written, \(opening.records) read")
            }
            results.append(result(name, opening, bytes: bytes, isCold: isCold))
        }
        return results
    }

    private func result(_ name: String, _ opening: Opening, bytes: Int, isCold: Bool) -> BenchResult {
        let gibibytes = Double(bytes) / Double(1 << 30)
        var figures = [
            (key: "seconds", value: opening.seconds), (key: "seconds_per_gib", value: opening.seconds / gibibytes),
            (key: "cpu_seconds_per_gib", value: opening.cpuSeconds / gibibytes),
        ]
        if opening.records > 0 {
            let records = Double(opening.records)
            figures += [
                (key: "records_per_second", value: records / opening.seconds),
                (key: "records_per_cpu_second", value: records / opening.cpuSeconds),
                (key: "bytes_per_second", value: Double(bytes) / opening.seconds),
            ]
        }
        return BenchResult(
            name: name,
            parameters: [
                ("bytes", "\(bytes)"), ("partitions", "\(plan.partitions)"), ("cache", isCold ? "cold" : "warm"),
            ],
            figures: figures)
    }

    private func open(_ directory: String, decodes: Bool) async throws -> Opening {
        let worker = environment.executors.makeDedicatedExecutor(label: "replay")
        defer { worker.shutDown() }
        let (environment, clock) = (environment, environment.clock)
        return try await worker.run { () throws(any Error) in
            let started = clock.bootTime()
            let cpu = Self.threadTime()
            var (records, check) = (0, UInt64(0))
            guard decodes else {
                // As a node whose snapshots cover everything.
                let log = try SegmentLog.open(directory: directory, environment: environment)
                return Opening(
                    log: log, seconds: clock.bootTime().since(started) / .seconds(1),
                    cpuSeconds: Self.threadTime() - cpu)
            }
            let log = try SegmentLog.open(directory: directory, environment: environment) { batch in
                for record in try batch.records() {
                    records += 1
                    check &+= record.stamp.rawValue ^ record.id.time ^ record.id.client
                    check &+= UInt64(record.kind.rawValue) &+ UInt64(record.content.count)
                    check &+= UInt64(record.content.first ?? 0)
                }
            }
            return Opening(
                log: log, records: records, check: check, seconds: clock.bootTime().since(started) / .seconds(1),
                cpuSeconds: Self.threadTime() - cpu)
        }
    }

    /// Seconds that the calling thread has run so far.
    private static func threadTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Asks the kernel to forget what it holds of the files: all of it is on the disk.
    private static func dropCache(of directory: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {  // then it stays warm
            let file = Glibc.open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            fsync(file)
            posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
            Glibc.close(file)
        }
    }

    /// A journal as a kill leaves it: all flushed, no clean mark.
    private func prepare(_ directory: String) async throws -> (bytes: Int, records: Int) {
        let log = try SegmentLog.open(directory: directory, environment: environment)
        var writers = (0..<plan.partitions).map { OriginLogWriter(log: Self.log($0), epoch: Epoch(1)) }
        let records = Self.records(100, compressible: false)
        var (bytes, count, turn) = (0, 0, 0)
        while bytes < plan.replayBytes {
            for record in records { _ = try writers[turn].append(record) }
            guard let batch = try writers[turn].seal(compressing: false) else { break }
            while !(try Self.isTaken(batch, by: log)) { try await environment.clock.sleep(for: .milliseconds(1)) }
            bytes += batch.length
            count += records.count
            turn = (turn + 1) % writers.count
        }
        for writer in writers {
            while log.failure == nil, log.flushedEnd(of: writer.log) < writer.nextOffset {
                try await environment.clock.sleep(for: .milliseconds(1))
            }
        }
        log.abandon()
        return (bytes, count)
    }

    /// False while too much waits for the disk.
    private static func isTaken(_ batch: EncodedBatch, by log: SegmentLog) throws -> Bool {
        do {
            try log.submit(batch)
            return true
        } catch  where error.code == .backlogFull {
            return false
        }
    }
}
