// How long a start takes: after a clean stop, and after kill -9, with the journal in memory and not.

import ClusterModel
import EventLog
import Glibc
import NodeEnvironment
import OperatorCommands
import SegmentLog

struct LogOpening: Sendable {
    let bytes: Int
    let partitions: Int
    let environment: NodeEnvironment
    let scratch: ScratchDirectory

    /// open-clean and open-killed, each warm and cold.
    func measure() async throws -> [BenchResult] {
        let directory = "\(scratch.path)/opening"
        let written = try await write(to: directory)
        var results: [BenchResult] = []
        for isCold in [false, true] {
            if isCold { try dropFromMemory(directory) }
            let (log, seconds) = try await open(directory)
            results.append(result("open-clean", written, log, seconds, isCold: isCold))
            // Let go of without a mark, as a killed process does.
            log.abandon()
            if isCold { try dropFromMemory(directory) }
            let (again, scanned) = try await open(directory)
            results.append(result("open-killed", written, again, scanned, isCold: isCold))
            await again.close()
        }
        return results
    }

    private func result(
        _ name: String, _ written: Int, _ log: SegmentLog, _ seconds: Double, isCold: Bool
    ) -> BenchResult {
        BenchResult(
            name: "\(name)-\(isCold ? "cold" : "warm")",
            parameters: [
                ("bytes", "\(written)"), ("partitions", "\(partitions)"),
                ("clean_stop", "\(log.recovered.wasCleanStop)"), ("batches", "\(log.recovered.batches)"),
            ],
            figures: [
                ("seconds", seconds), ("seconds_per_gib", seconds / (Double(written) / Double(1 << 30))),
            ])
    }

    private func open(_ directory: String) async throws -> (SegmentLog, Double) {
        let worker = environment.executors.makeDedicatedExecutor(label: "opening")
        defer { worker.shutDown() }
        let (environment, clock) = (environment, environment.clock)
        return try await worker.run { () throws(any Error) in
            let started = clock.bootTime()
            let log = try SegmentLog.open(directory: directory, environment: environment)
            return (log, clock.bootTime().since(started) / .seconds(1))
        }
    }

    private func write(to directory: String) async throws -> Int {
        let log = try SegmentLog.open(directory: directory, environment: environment)
        var writers = (0..<partitions).map { OriginLogWriter(log: LogBench.log($0), epoch: Epoch(1)) }
        let records = LogBench.records(100, compressible: false)
        var (written, turn) = (0, 0)
        while written < bytes {
            for record in records { _ = try writers[turn].append(record) }
            guard let batch = try writers[turn].seal(compressing: false) else { break }
            var isTaken = false
            while !isTaken {
                do throws(EventLogError) {
                    try log.submit(batch)
                    isTaken = true
                } catch {
                    guard error.code == .backlogFull else { throw error }
                    try await environment.clock.sleep(for: .milliseconds(1))
                }
            }
            written += batch.bytes.count
            turn = (turn + 1) % writers.count
        }
        await log.close()
        return written
    }

    /// Clean pages of the journal leave the page cache: the next reading is from the device.
    private func dropFromMemory(_ directory: String) throws {
        for name in try environment.files.list(directory) {
            let descriptor = Glibc.open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            fsync(descriptor)
            posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
            close(descriptor)
        }
    }
}
