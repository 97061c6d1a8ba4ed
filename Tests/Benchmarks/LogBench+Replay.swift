// The reading half of `meridian-bench log`: opening a journal, cold and warm, and decoding all of it.

import ClusterModel
import EventLog
import Foundation
import Glibc
import NodeEnvironment
import OperatorCommands
import SegmentLog

extension LogBench {
    /// What one pass over the journal took.
    private struct Took: Sendable {
        var records = 0
        /// Over every field of every record: keeps the decoding from being left out.
        var check: UInt64 = 0
        var seconds = 0.0
        /// Of the thread that reads: what a core is busy for, whatever else runs on the machine.
        var cpuSeconds = 0.0

        init(since started: BootInstant, _ clock: any NodeClock, cpu: Duration, records: Int = 0, check: UInt64 = 0) {
            self.records = records
            self.check = check
            seconds = clock.bootTime().since(started) / .seconds(1)
            cpuSeconds = (CPUTime.thread - cpu) / .seconds(1)
        }
    }

    /// How often what is warm is measured: other guests of the machine share its memory.
    private static let rounds = 3

    /// Opens a journal as a kill leaves it and as a clean stop does, then replays it: every record is decoded. Beside the
    /// warm replay the same bytes are only read and summed up.
    func replay(_ report: inout BenchReport) async throws {
        let directory = "\(scratch.path)/replay"
        let (bytes, records) = try await prepare(directory)
        for (name, isCold, decodes, ends) in [
            ("open-after-kill", true, false, End.kill), ("open-after-kill", false, false, .cleanStop),
            ("open-after-clean-stop", true, false, .cleanStop), ("open-after-clean-stop", false, false, .cleanStop),
            ("replay", true, true, .cleanStop),
        ] {
            if isCold { Self.dropCache(of: directory) }
            let took = try await open(directory, decodes: decodes, expecting: records, then: ends)
            report.results.append(result(name, took, bytes: bytes, isCold: isCold))
        }
        var (warm, raw): ([Took], [Took]) = ([], [])
        for _ in 0..<Self.rounds {
            warm.append(try await open(directory, decodes: true, expecting: records, then: .cleanStop))
            raw.append(try await readAlone(directory, bytes: bytes, records: records))
        }
        let (median, limit) = (Self.median(warm), Self.median(raw))
        report.results.append(result("replay", median, bytes: bytes, isCold: false))
        report.results.append(result("raw-replay", limit, bytes: bytes, isCold: false))
        report.ratios.append(("replay_vs_raw", limit.cpuSeconds / median.cpuSeconds))
    }

    private static func median(_ rounds: [Took]) -> Took {
        rounds.sorted { $0.cpuSeconds < $1.cpuSeconds }[rounds.count / 2]
    }

    private func result(_ name: String, _ opening: Took, bytes: Int, isCold: Bool) -> BenchResult {
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

    /// How a journal is left for the next opening.
    private enum End: Sendable {
        case kill, cleanStop
    }

    private func open(
        _ directory: String, decodes: Bool, expecting records: Int, then end: End
    ) async throws -> Took {
        let (log, took) = try await open(directory, decodes: decodes)
        switch end {
        case .kill: log.abandon()
        case .cleanStop: await log.close()
        }
        guard !decodes || took.records == records else {
            throw OperatorFailure(.unreachable, "\(records) records were written, \(took.records) read")
        }
        return took
    }

    private func open(_ directory: String, decodes: Bool) async throws -> (SegmentLog, Took) {
        let worker = environment.executors.makeDedicatedExecutor(label: "replay")
        defer { worker.shutDown() }
        let (environment, clock) = (environment, environment.clock)
        return try await worker.run { () throws(any Error) in
            let started = clock.bootTime()
            let cpu = CPUTime.thread
            var (records, check) = (0, UInt64(0))
            guard decodes else {
                // As a node whose snapshots cover everything.
                let log = try SegmentLog.open(directory: directory, environment: environment)
                return (log, Took(since: started, clock, cpu: cpu))
            }
            let log = try SegmentLog.open(directory: directory, environment: environment) { batch in
                for record in try batch.records() {
                    records += 1
                    check &+= record.stamp.rawValue ^ record.id.time ^ record.id.client
                    check &+= UInt64(record.kind.rawValue) &+ UInt64(record.content.count)
                    check &+= UInt64(record.content.first ?? 0)
                }
            }
            return (log, Took(since: started, clock, cpu: cpu, records: records, check: check))
        }
    }

    /// The machine's limit: the same bytes read in pieces as large, each byte taken into one checksum, nothing decoded.
    private func readAlone(_ directory: String, bytes: Int, records: Int) async throws -> Took {
        let worker = environment.executors.makeDedicatedExecutor(label: "raw")
        defer { worker.shutDown() }
        let (files, clock) = (environment.files, environment.clock)
        return try await worker.run { () throws(any Error) in
            let started = clock.bootTime()
            let cpu = CPUTime.thread
            var (rest, check) = (bytes, UInt32(0))
            for name in try files.list(directory).sorted() where name.hasSuffix(".segment") {
                let file = try files.open("\(directory)/\(name)", .read)
                defer { file.close() }
                let length = Int(try file.length())
                for position in stride(from: 0, to: min(length, rest), by: 1 << 20) {
                    check = CRC32C.checksum(
                        try file.read(at: UInt64(position), count: min(1 << 20, rest - position)), extending: check)
                }
                rest -= min(length, rest)
            }
            return Took(since: started, clock, cpu: cpu, records: records, check: UInt64(check))
        }
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
