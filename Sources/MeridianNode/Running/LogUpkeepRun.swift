// Keeps the journal of a running node: trims what nobody needs any more.

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import OperatorAPI
import RegionMirror
import SegmentLog
import Synchronization

/// Runs beside the node on a thread of its own. What it knows is read by operators from any thread.
final class LogUpkeepRun: Sendable {
    private let log: SegmentLog
    private let mirror: RegionMirror?
    private let snapshots: SnapshotRun
    private let floors: FloorKeeper
    private let pins: @Sendable ([LogSummary]) -> [TrimPin]
    /// Whether some state waits for another member's snapshot.
    private let isShort: @Sendable () -> Bool
    private let configuration: NodeConfiguration
    private let environment: NodeEnvironment
    private let executor: any DedicatedExecutor
    private let logger: Logger
    private let scrubber: JournalScrubber
    private let guarded = Mutex(LogUpkeepFacts())

    /// `pins`: what readers still need of logs. `executor`: a thread that may block for long.
    init(
        log: SegmentLog, mirror: RegionMirror?, snapshots: SnapshotRun, floors: FloorKeeper,
        pins: @escaping @Sendable ([LogSummary]) -> [TrimPin],
        isShort: @escaping @Sendable () -> Bool = { false }, configuration: NodeConfiguration,
        environment: NodeEnvironment, executor: any DedicatedExecutor, logger: Logger
    ) {
        self.pins = pins
        self.floors = floors
        self.isShort = isShort
        self.log = log
        self.mirror = mirror
        self.snapshots = snapshots
        self.configuration = configuration
        self.environment = environment
        self.executor = executor
        self.logger = logger
        scrubber = JournalScrubber(log, bytesPerSecond: configuration.log.scrubBytesPerSecond)
    }

    /// As of the last round. Never blocks.
    var facts: LogUpkeepFacts {
        var facts = guarded.withLock(\.self)
        facts.snapshots = snapshots.facts
        facts.damagedFiles = environment.files.damage?.count ?? 0
        facts.standstill = log.standstill.map(standstill)
        return facts
    }

    private func standstill(_ error: FileError) -> LogUpkeepFacts.Standstill {
        if error.code == .tooManyOpenFiles { return .descriptors }
        if error.operation == "bound" { return .bound }
        return .disk(directory: configuration.log.directory, needed: NodeRecoveryRun.neededBytes(configuration))
    }

    /// How often it is looked whether the journal's files are still where they were.
    static let betweenLooks: Duration = .seconds(1)

    /// Returns once they are not: the log has ended then, and nothing more is acknowledged.
    func watchPlace() async throws {
        while true {
            try await environment.clock.sleep(for: Self.betweenLooks)
            let (files, directory) = (environment.files, configuration.log.directory)
            let (lost, free) = try await executor.run { [log] () throws(any Error) in
                // What cannot be asked now is asked in a second.
                (log.checkPlace(), try? files.availableBytes(at: directory))
            }
            // A disk fills up faster than the journal is trimmed.
            if let free { guarded.withLock { $0.freeBytes = free } }
            guard let lost else { continue }
            guarded.withLock { $0.lostDirectory = "\(lost)" }
            logger.critical(
                "the data directory is lost; see Runbooks/directory-lost.md", metadata: ["error": "\(lost)"])
            return
        }
    }

    /// Verifies the journal, stretch by stretch, until it is cancelled. Returns at once where it is switched off.
    func scrub() async throws {
        guard configuration.log.scrubBytesPerSecond > 0 else { return }
        var tried: [UInt64: BootInstant] = [:]
        while true {
            var pause = Self.afterFailure
            do {
                pause = try await executor.run { [scrubber] () throws(any Error) in try scrubber.step() }
            } catch {
                logger.error("a segment was not verified", metadata: ["error": "\(error)"])
            }
            note(scrubber.facts())
            await repairDamaged(&tried)
            try await environment.clock.sleep(for: pause)
        }
    }

    private static let afterFailure: Duration = .seconds(5)
    private static let betweenRepairs: Duration = .seconds(60)

    /// Each damaged segment once in a while: a holder may be away, or damaged itself.
    private func repairDamaged(_ tried: inout [UInt64: BootInstant]) async {
        let now = environment.clock.bootTime()
        let damaged = scrubber.facts().corruptSegments
        tried = tried.filter { damaged.contains($0.key) }
        for generation in damaged where tried[generation].map({ now.since($0) >= Self.betweenRepairs }) ?? true {
            if Task.isCancelled { return }
            tried[generation] = now
            let isWhole = await repair(generation)
            if isWhole { scrubber.onRepaired(generation) }
            guarded.withLock { facts in
                if isWhole { facts.repairedSegments += 1 } else { facts.failedRepairs += 1 }
            }
        }
        if !damaged.isEmpty { note(scrubber.facts()) }
    }

    /// Whether all of the segment verifies now.
    private func repair(_ generation: UInt64) async -> Bool {
        do {
            let plan = try await executor.run { [log] () throws(any Error) in try log.repairPlan(of: generation) }
            var batches: [EncodedBatch] = []
            for need in plan.needs {
                if let found = await mirror?.fetch(need) { batches += found }
            }
            let isWhole = try await executor.run { [log, batches] () throws(any Error) in
                try log.repair(generation, with: batches)
            }
            logger.notice(
                isWhole ? "segment repaired" : "no holder has all that a segment needs",
                metadata: ["segment": "\(generation)", "batches": "\(batches.count)", "lost": "\(plan.lost.count)"])
            return isWhole
        } catch {
            logger.error("segment not repaired", metadata: ["segment": "\(generation)", "error": "\(error)"])
            return false
        }
    }

    private func note(_ scrubbed: JournalScrubber.Facts) {
        let ranges = scrubbed.corruptRanges.map {
            "\($0.path) bytes \($0.bytes.lowerBound)..<\($0.bytes.upperBound): \($0.reason)"
        }
        let news = guarded.withLock { facts in
            facts.scrubbedBytes = scrubbed.scrubbedBytes
            facts.scrubbedSegments = scrubbed.scrubbedSegments
            facts.unverifiedSeconds = scrubbed.age.wholeMilliseconds / 1_000
            defer { facts.corruptRanges = ranges }
            return ranges.filter { !facts.corruptRanges.contains($0) }
        }
        for range in news {
            logger.critical(
                "bytes of the journal do not verify any more; see Runbooks/log-corruption.md",
                metadata: ["range": "\(range)"])
        }
    }

    /// Runs until it is cancelled. What fails is reported and tried again in the next round.
    func run() async throws {
        // At once, so that gauges say how large the journal is before an interval has passed.
        while true {
            await trim()
            try await environment.clock.sleep(for: configuration.limits.snapshotInterval)
        }
    }

    /// One round of trimming, with what is known now.
    func trim() async {
        let (log, inputs, files) = (log, inputs(), environment.files)
        let directory = configuration.log.directory
        do {
            let (report, free) = try await executor.run { () throws(any Error) in
                (try log.trim(inputs), try files.availableBytes(at: directory))
            }
            take(report, inputs, free: free)
        } catch let error as EventLogError where error.code == .poisoned || error.code == .closed {
            return
        } catch {
            logger.error("the journal was not trimmed", metadata: ["error": "\(error)"])
        }
    }

    /// Who holds a line up: whose snapshots are missing, or else who is not there to seal.
    private func unsettled() -> UnsettledStarts? {
        UnsettledStarts(log.logs().lazy.map(\.log)) { [floors, mirror] name in
            floors.slowest(of: name) ?? mirror?.links().first { !$0.isConnected }?.region
        }
    }

    private func take(_ report: TrimReport, _ inputs: TrimInputs, free: UInt64) {
        let unsettled = unsettled()
        let age = report.oldest.map { inputs.now.milliseconds - min(inputs.now.milliseconds, $0.milliseconds) }
        let newlyBroken = guarded.withLock { facts in
            facts.journalBytes = report.journalBytes
            facts.segments = report.segments
            facts.freeBytes = free
            facts.unsettled = unsettled
            facts.oldestSeconds = age.map { $0 / 1_000 }
            facts.boundBytes = configuration.log.maxBytes
            facts.personalDataSeconds = report.oldestRecord.map {
                (inputs.now.milliseconds - min(inputs.now.milliseconds, $0.milliseconds)) / 1_000
            }
            facts.personalDataMaximumSeconds = configuration.log.personalDataMaximum.wholeMilliseconds / 1_000
            facts.trimmedSegments += UInt64(report.removedSegments)
            facts.trimmedBytes += report.removedBytes
            facts.hold = report.hold.map {
                LogUpkeepFacts.Hold(reason: $0.reason, detail: "\($0)", isOverdue: $0 != .retention)
            }
            defer { facts.brokenPins = report.brokenPins.sorted() }
            return report.brokenPins.subtracting(facts.brokenPins).sorted()
        }
        if report.removedSegments > 0 {
            logger.info(
                "journal trimmed",
                metadata: ["segments": "\(report.removedSegments)", "bytes": "\(report.removedBytes)"])
        }
        for pin in newlyBroken {
            logger.critical(
                "a reader lost records: it was behind by more than log.pin_max_bytes", metadata: ["reader": "\(pin)"])
        }
    }

    /// S5: behind both snapshots, every member and every id; S8: retention.
    private func inputs() -> TrimInputs {
        let (covered, bounds) = (snapshots.covered, configuration.timeBounds)
        let members = [configuration.region.number] + configuration.peers.map(\.number)
        let flushed = mirror?.memberFloors()
        var forgettable: [LogName: HybridStamp] = [:]
        var floors: [LogIdentity: TrimFloor] = [:]
        let logs = log.logs()
        for summary in logs where isFolded(summary.log.name) {
            let name = LogName(
                region: configuration.region.number, topic: summary.log.name.topic,
                partition: summary.log.name.partition)
            let stamp =
                forgettable[name]
                ?? (name.topic == .content
                    ? HybridStamp(rawValue: .max)
                    : covered.forgettable(name, members: members, bounds: bounds))
            forgettable[name] = stamp
            let member =
                flushed.map { $0[summary.log] ?? MemberFloor(offset: .zero) } ?? MemberFloor(offset: Offset(.max))
            floors[summary.log] = TrimFloor(
                snapshot: covered.covered(summary.log), members: member.offset, slowest: member.slowest,
                forgettable: stamp)
        }
        // Switched off, and while a state waits for a snapshot (S1a), retention never ends.
        let trims = configuration.log.trims && !isShort()
        return TrimInputs(
            floors: floors, pins: pins(logs), now: environment.clock.wallTime(),
            retention: trims ? configuration.log.retention : .seconds(1 << 40),
            retentionBytes: trims ? configuration.log.retentionBytes : .max,
            pinMaxBytes: configuration.log.pinMaxBytes)
    }

    private func isFolded(_ name: LogName) -> Bool {
        switch name.topic {
        case .userEvents: Int(name.partition.rawValue) < configuration.deployment.partitions.rawValue
        case .content: name.partition == PartitionID(0)
        default: false
        }
    }
}
