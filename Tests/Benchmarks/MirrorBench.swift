// The measurements of `meridian-bench mirror`.

import ClusterModel
import EventLog
import Foundation
import NodeEnvironment
import OperatorCommands
import SegmentLog
import Synchronization

struct MirrorBench: Sendable {
    struct Plan: Sendable {
        var partitions: Int
        /// Events a second.
        var rate: Int
        var duration: Duration
        var catchUpBytes: Int
    }

    struct Transfer: Sendable {
        var result: BenchResult
        var bytes: Int
        var syncs: Int
        var bytesPerSecond: Double
    }

    let plan: Plan
    let environment: NodeEnvironment
    let scratch: ScratchDirectory
    let identities: [TLSIdentity]
    let deployment: String

    /// What a click takes in the log, about.
    private static let bodyBytes = 64
    private static let tick: Duration = .milliseconds(1)
    private static let patience: Duration = .seconds(600)

    private func region(_ number: Int, _ directory: String, port: Int) -> BenchRegion.Place {
        BenchRegion.Place(
            number: number, directory: "\(scratch.path)/\(directory)",
            endpoint: Endpoint(host: "127.0.0.1", port: port),
            identity: identities[number - 1])
    }

    private func pair(_ name: String) throws -> BenchRegion.Pair {
        let ports = try LoopbackPorts.free(2)
        return BenchRegion.Pair(
            origin: region(1, "\(name)-1", port: ports[0]), follower: region(2, "\(name)-2", port: ports[1]),
            deployment: deployment)
    }

    // MARK: Steady

    /// The same load twice: with nobody who follows, then mirrored.
    func steady() async throws -> BenchResult {
        let alone = try await load(try pair("alone"), isMirrored: false)
        let mirrored = try await load(try pair("steady"), isMirrored: true)
        let microseconds = { (histogram: LatencyHistogram, fraction: Double) in
            Double(histogram.quantileMicroseconds(fraction))
        }
        return BenchResult(
            name: "mirror-steady",
            parameters: [
                ("events_per_second", "\(plan.rate)"), ("partitions", "\(plan.partitions)"),
                ("records_per_batch", "1"), ("tls", "mutual"), ("regions", "2 in this process"), ("loops", "1"),
            ],
            figures: [
                ("events_per_second", mirrored.eventsPerSecond),
                ("p50_us", microseconds(mirrored.lag, 0.5)), ("p99_us", microseconds(mirrored.lag, 0.99)),
                ("p999_us", microseconds(mirrored.lag, 0.999)),
                ("local_p50_us", microseconds(mirrored.local, 0.5)),
                ("local_p99_us", microseconds(mirrored.local, 0.99)),
                ("remote_ack_p50_us", microseconds(mirrored.acknowledged, 0.5)),
                ("remote_ack_p99_us", microseconds(mirrored.acknowledged, 0.99)),
                ("cpu_ns_per_event", mirrored.cpuNanosecondsPerEvent),
                ("cpu_ns_per_event_unmirrored", alone.cpuNanosecondsPerEvent),
                ("missing_events", Double(mirrored.missing)),
            ])
    }

    private func load(_ pair: BenchRegion.Pair, isMirrored: Bool) async throws -> BenchLoad.Outcome {
        try await pair.run(environment, isMirrored: isMirrored) { origin, follower in
            let load = BenchLoad(
                origin: origin, follower: follower, partitions: plan.partitions, bodyBytes: Self.bodyBytes,
                clock: environment.clock)
            load.listen(on: environment.executors.loops[0])
            return try await load.run(rate: plan.rate, for: plan.duration, every: Self.tick)
        }
    }

    // MARK: Catching up

    /// A region without a disk follows one whose journal is on the disk only.
    func catchUp() async throws -> Transfer {
        let pair = try pair("catch-up")
        let (bytes, events) = try await prepare(pair)
        let files = RecordingFiles(environment.files, syncs: true)
        let counted = NodeEnvironment(
            clock: environment.clock, entropy: environment.entropy, executors: environment.executors, files: files,
            links: environment.links)
        return try await pair.run(counted, isMirrored: true, followsLater: true) { origin, follower in
            let wanted = origin.log.logs().filter { $0.log.name.region == RegionNumber(1) }
            let syncs = follower.commits
            let before = files.pattern.withLock { $0 }
            let cpu = CPUTime.process
            let started = environment.clock.bootTime()
            follower.begin()
            while wanted.contains(where: { follower.log.flushedEnd(of: $0.log) < $0.flushedEnd }) {
                guard environment.clock.bootTime().since(started) < Self.patience else {
                    throw OperatorFailure(.unreachable, "the mirror does not catch up")
                }
                try await environment.clock.sleep(for: .milliseconds(1))
            }
            let seconds = environment.clock.bootTime().since(started) / .seconds(1)
            let used = CPUTime.process - cpu
            let after = files.pattern.withLock { $0 }
            let result = BenchResult(
                name: "mirror-catch-up",
                parameters: [
                    ("bytes", "\(bytes)"), ("partitions", "\(plan.partitions)"), ("records_per_batch", "100"),
                    ("tls", "mutual"), ("source", "disk"),
                ],
                figures: [
                    ("bytes_per_second", Double(bytes) / seconds), ("events_per_second", Double(events) / seconds),
                    ("cpu_ns_per_event", used / .nanoseconds(1) / Double(max(1, events))),
                    ("commits", Double(follower.commits - syncs)),
                    // How often the holder reads its journal for one catch-up.
                    ("journal_readings", Double(after.bytesRead - before.bytesRead) / Double(max(1, bytes))),
                    ("journal_reads", Double(after.reads - before.reads)),
                ])
            return Transfer(
                result: result, bytes: bytes, syncs: max(1, follower.commits - syncs),
                bytesPerSecond: Double(bytes) / seconds)
        }
    }

    /// Writes the origin's journal, interleaved over all partitions, and closes it. Its bytes and events.
    private func prepare(_ pair: BenchRegion.Pair) async throws -> (bytes: Int, events: Int) {
        let log = try SegmentLog.open(directory: pair.origin.directory, environment: environment)
        var feed = BenchFeed(partitions: plan.partitions, bodyBytes: 168, incarnation: Incarnation(1))
        var (bytes, events) = (0, 0)
        while bytes < plan.catchUpBytes {
            let batch = try feed.next(records: 100, at: environment.clock.wallTime())
            bytes += batch.bytes.count
            events += 100
            while !(try isTaken(batch, by: log)) { try await environment.clock.sleep(for: .milliseconds(2)) }
        }
        await log.close()
        return (bytes, events)
    }

    /// False while too much waits for the disk.
    private func isTaken(_ batch: EncodedBatch, by log: SegmentLog) throws -> Bool {
        do {
            try log.submit(batch)
            return true
        } catch  where error.code == .backlogFull {
            return false
        }
    }

    // MARK: Copying

    /// Reads the prepared journal and writes its bytes to one file, with as many syncs as the mirror had commits.
    func copy(of transfer: Transfer) async throws -> Transfer {
        let source = "\(scratch.path)/catch-up-1"
        let target = "\(scratch.path)/copy"
        let chunk = max(4_096, transfer.bytes / transfer.syncs)
        let copier = environment.executors.makeDedicatedExecutor(label: "copy")
        defer { copier.shutDown() }
        let (files, clock) = (environment.files, environment.clock)
        let segments = try files.list(source).filter { $0.hasSuffix(".segment") }.map { "\(source)/\($0)" }
        let started = clock.bootTime()
        let (bytes, syncs) = try await copier.run { () throws(FileError) in
            try Self.copy(segments, to: target, bytes: transfer.bytes, chunk: chunk, files)
        }
        let seconds = clock.bootTime().since(started) / .seconds(1)
        let rate = Double(bytes) / seconds
        return Transfer(
            result: BenchResult(
                name: "mirror-copy",
                parameters: [("bytes", "\(bytes)"), ("chunk_bytes", "\(chunk)"), ("syncs", "\(syncs)")],
                figures: [("bytes_per_second", rate)]),
            bytes: bytes, syncs: syncs, bytesPerSecond: rate)
    }

    private static func copy(
        _ sources: [String], to target: String, bytes: Int, chunk: Int, _ files: any FileStore
    ) throws(FileError) -> (bytes: Int, syncs: Int) {
        let output = try files.open(target, .createOrReplace)
        defer { output.close() }
        try output.reserve(length: UInt64(bytes))
        var (written, syncs) = (0, 0)
        for source in sources {
            let input = try files.open(source, .read)
            var position: UInt64 = 0
            var piece = try input.read(at: position, count: min(chunk, bytes - written))
            while !piece.isEmpty {
                try output.write(piece, at: UInt64(written))
                try output.synchronizeData()
                position += UInt64(piece.count)
                written += piece.count
                syncs += 1
                piece = try input.read(at: position, count: min(chunk, bytes - written))
            }
            input.close()
        }
        return (written, syncs)
    }
}
