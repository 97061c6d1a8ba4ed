// A history of batches over three logs and two starts, with a fault at one of its calls, and what must hold afterwards.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment

@testable import SegmentLog

/// The same seed writes the same bytes, whatever goes wrong. Some batches are large, so that a segment fills up.
struct CrashHistory {
    static let directory = "journal"
    private static let logs = 3
    /// Small segments, so that a history fills more than one.
    private var limits: JournalLimits {
        var limits = JournalLimits(segmentBytes: JournalLimits.minSegmentBytes)
        if trims { limits.segmentBytes = 192 << 10 }
        return limits
    }

    let seed: UInt64
    let batches: Int
    /// Every so many batches all but the newest segments are trimmed.
    var trims = false
    private static let betweenTrims = 12

    private struct Run {
        var submitted: [LogIdentity: [EncodedBatch]] = [:]
        /// How many of a log's batches were acknowledged.
        var acknowledged: [LogIdentity: Int] = [:]
        /// Up to where a log could be trimmed at most.
        var allowed: [LogIdentity: Offset] = [:]
        var calls = 0
        var isClean = false
    }

    /// Calls of a history in which nothing goes wrong.
    func calls() async throws -> Int {
        try await run(CrashPoint(SimulatedFileStore(), at: .max, nil, seed: seed)).calls
    }

    /// What does not hold after the fault; empty where all does.
    func check(at point: Int, _ kind: CrashKind) async throws -> [String] {
        let store = SimulatedFileStore()
        let files = CrashPoint(store, at: point, kind, seed: seed &+ UInt64(point))
        let run = try await run(files)
        // A process whose log has ended, or that could not start, is started again: its page cache stays.
        store.releaseLocks()
        let before = try inspect(store)
        var complaints = judge(before, run, kind)
        complaints += try await goOn(store, after: before.found)
        return complaints.map { "seed \(seed), call \(point), \(kind): \($0)" }
    }

    // MARK: The history

    private func run(_ files: CrashPoint) async throws -> Run {
        var run = Run()
        var generator = SeededGenerator(seed: seed)
        for half in 1...2 as ClosedRange<UInt64> {
            guard let log = open(files) else { break }
            append(batches / 2, incarnation: half, to: log, &run, &generator)
            run.isClean = log.failure == nil
            if files.isDead || !run.isClean { break }
            await log.close()
        }
        run.calls = files.calls
        return run
    }

    /// As the node does: a start that fails is tried again by whoever supervises it.
    private func open(_ files: any FileStore) -> SegmentLog? {
        for _ in 0..<2 {
            let stepped = SteppedEnvironment(seed: seed)
            let environment = NodeEnvironment(
                clock: stepped.clock, entropy: stepped.environment.entropy, executors: stepped.environment.executors,
                files: files, links: stepped.environment.links)
            if let log = try? SegmentLog.open(
                directory: Self.directory, environment: environment, limits: limits)
            {
                return log
            }
        }
        return nil
    }

    private func append(
        _ count: Int, incarnation: UInt64, to log: SegmentLog, _ run: inout Run, _ generator: inout SeededGenerator
    ) {
        var writers = (0..<Self.logs).map {
            OriginLogWriter(log: JournalHarness.identity($0, incarnation: incarnation), epoch: Epoch(1))
        }
        for number in 0..<count {
            let index = Int(generator.next() % UInt64(Self.logs))
            let size = generator.next() % 16 == 0 ? 150_000 : generator.next() % 400
            let body = [UInt8](repeating: UInt8(truncatingIfNeeded: generator.next()), count: Int(size))
            let record = EventRecord(
                kind: .interaction, stamp: HybridStamp(rawValue: UInt64(number)),
                id: EventID(time: incarnation, client: generator.next()), body: body)
            guard (try? writers[index].append(record)) != nil, let batch = try? writers[index].seal(compressing: false)
            else { return }
            guard (try? log.submit(batch)) != nil else { return }
            let identity = writers[index].log
            run.submitted[identity, default: []].append(batch)
            if log.flushedEnd(of: identity) == batch.endOffset {
                run.acknowledged[identity] = run.submitted[identity]?.count
            }
            guard log.failure == nil else { return }
            if trims, number % Self.betweenTrims == Self.betweenTrims - 1 { trim(log, &run, &generator) }
        }
    }

    /// Some log may lose a part only. A round that fails is one that a node would try again.
    private func trim(_ log: SegmentLog, _ run: inout Run, _ generator: inout SeededGenerator) {
        var floors: [LogIdentity: TrimFloor] = [:]
        for summary in log.logs() {
            var floor = TrimFloor.open
            floor.members = Offset(summary.flushedEnd.rawValue - min(summary.flushedEnd.rawValue, generator.next() % 8))
            floors[summary.log] = floor
            // A floor may fall behind an earlier one: what went by that one is gone.
            run.allowed[summary.log] = max(run.allowed[summary.log] ?? .zero, floor.members)
        }
        let inputs = TrimInputs(
            floors: floors, now: WallTime(milliseconds: 1 << 40), retention: .zero, retentionBytes: 0, pinMaxBytes: 0)
        _ = try? log.trim(inputs)  // the fault may be here
    }

    // MARK: What must hold

    private struct Report {
        var isCorrupt: Bool
        var cutBytes: UInt64
        var bases: [LogIdentity: Offset] = [:]
    }

    private func inspect(_ store: SimulatedFileStore) throws -> (found: [LogIdentity: [[UInt8]]], report: Report) {
        guard store.exists("\(Self.directory)/marks") else { return ([:], Report(isCorrupt: false, cutBytes: 0)) }
        var found: [LogIdentity: [[UInt8]]] = [:]
        let log = try SegmentLog.open(
            directory: Self.directory, environment: SteppedEnvironment(seed: seed, files: store).environment,
            limits: limits
        ) { batch in found[batch.header.log, default: []].append(batch.bytes) }
        defer { log.abandon() }
        var report = Report(
            isCorrupt: !log.recovered.corruptRanges.isEmpty, cutBytes: log.recovered.cutBytes)
        for summary in log.recovered.logs { report.bases[summary.log] = summary.base }
        return (found, report)
    }

    private func judge(
        _ read: (found: [LogIdentity: [[UInt8]]], report: Report), _ run: Run, _ kind: CrashKind
    ) -> [String] {
        var complaints: [String] = []
        let report = read.report
        var missing = 0
        for log in Set(read.found.keys).union(run.acknowledged.keys).sorted() {
            let base = report.bases[log] ?? .zero
            let found = read.found[log] ?? []
            let submitted = run.submitted[log] ?? []
            let trimmed = submitted.prefix { $0.endOffset <= base }.count
            if Array(submitted.dropFirst(trimmed).map(\.bytes).prefix(found.count)) != found {
                complaints.append("\(log) holds what nobody wrote")
            }
            if base > run.allowed[log] ?? .zero { complaints.append("\(log) lost more than it might") }
            missing += max(0, (run.acknowledged[log] ?? 0) - trimmed - found.count)
        }
        if kind.isHonest {
            if missing > 0 { complaints.append("\(missing) acknowledged batches are missing") }
            if report.isCorrupt { complaints.append("corruption is reported where nothing is corrupt") }
        } else if missing > 0, run.isClean, !report.isCorrupt {
            complaints.append("\(missing) acknowledged batches are missing, and nobody says so")
        }
        return complaints
    }

    /// A new incarnation goes on; then all of it is there.
    private func goOn(_ store: SimulatedFileStore, after found: [LogIdentity: [[UInt8]]]) async throws -> [String] {
        guard let log = open(store) else { return ["the journal cannot be opened any more"] }
        var run = Run()
        var generator = SeededGenerator(seed: seed &+ 1)
        append(8, incarnation: 3, to: log, &run, &generator)
        await log.close()
        let again = try inspect(store).found
        var complaints: [String] = []
        for (log, batches) in found where again[log] != batches {
            complaints.append("\(log) changed at a second start")
        }
        for (log, batches) in run.submitted where again[log] != batches.map(\.bytes) {
            complaints.append("\(log), written after the fault, is not there")
        }
        return complaints
    }
}
