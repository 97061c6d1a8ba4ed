// What stands on the regions' disks at one instant, read from images: the judge asks no node.

import ClusterModel
import EventLog
import NodeEnvironment
import RegionMirror
import SegmentLog
import SimulatedEnvironment
import Synchronization

/// A batch as some disk held it.
struct SurveyedBatch: Sendable {
    let log: LogIdentity
    let base: Offset
    let end: Offset
    let chainBefore: Digest128
    let chainDigest: Digest128
    let records: [EventRecord]
}

/// Every batch that any disk ever held: one place of a log has one content, for ever and everywhere (S1, S8); stamps
/// never decrease along a log and come from no clock that is known to be wrong (S2). Thread-safe.
final class BatchArchive: Sendable {
    private struct Place: Hashable {
        let log: LogIdentity
        let base: Offset
    }

    private let batches = Mutex<[Place: SurveyedBatch]>([:])
    private let ledger: RegionLedger
    private let clock: any NodeClock
    /// Logs with a stamp that no right clock gave: told once.
    private let wild = Mutex<Set<LogIdentity>>([])

    /// No stamp may be this much later than the time of the survey, whatever a machine's clock says (S2).
    private static let tolerance = Duration.milliseconds(400)

    /// `clock` is right.
    init(ledger: RegionLedger, clock: any NodeClock) {
        self.ledger = ledger
        self.clock = clock
    }

    /// What some disk held of a log before `base`, in the order of offsets: what a disk that trimmed it, or went on from a
    /// snapshot, holds in its states.
    func batches(of log: LogIdentity, before base: Offset) -> [SurveyedBatch] {
        batches.withLock { batches in
            batches.values.filter { $0.log == log && $0.end <= base }.sorted { $0.base < $1.base }
        }
    }

    /// All that any disk held of logs below these incarnations, in the order of offsets.
    func logs(below floors: [LogName: Incarnation]) -> [LogIdentity: [SurveyedBatch]] {
        let below = batches.withLock { batches in
            batches.values.filter { batch in floors[batch.log.name].map { batch.log.incarnation < $0 } ?? false }
        }
        return Dictionary(grouping: below, by: \.log).mapValues { $0.sorted { $0.base < $1.base } }
    }

    func admit(_ batch: EncodedBatch, on disk: String) throws -> SurveyedBatch {
        let header = batch.header
        let place = Place(log: header.log, base: header.baseOffset)
        if let known = batches.withLock({ $0[place] }) {
            if known.chainDigest != batch.chainDigest {
                ledger.violated("S1", "\(place.log) at \(place.base.rawValue) has other bytes on \(disk)")
            }
            return known
        }
        let read = SurveyedBatch(
            log: header.log, base: header.baseOffset, end: batch.endOffset, chainBefore: header.previousDigest,
            chainDigest: batch.chainDigest, records: try batch.records())
        for (earlier, later) in zip(read.records, read.records.dropFirst()) where later.stamp < earlier.stamp {
            ledger.violated("S2", "stamps go down inside \(place.log) at \(place.base.rawValue)")
        }
        if header.lastStamp.wallTime > clock.wallTime().advanced(by: Self.tolerance),
            wild.withLock({ $0.insert(header.log).inserted })
        {
            ledger.violated(
                "S2",
                "\(place.log) at \(place.base.rawValue) has a stamp of \(header.lastStamp.wallTime), in the future")
        }
        batches.withLock { $0[place] = read }
        return read
    }
}

/// One disk.
struct DiskSurvey: Sendable {
    let name: String
    /// In the order of their offsets. What is trimmed stands in snapshots, and counts as held: it is known from surveys of
    /// before (S8).
    private(set) var logs: [LogIdentity: [SurveyedBatch]] = [:]
    /// Whether the journal itself holds all that counts as held: nothing is in states only.
    private(set) var isWhole = true
    /// Incarnations below which lines are settled everywhere.
    private var settled: [LogName: Incarnation] = [:]
    /// Where logs begin that do not begin at their first record.
    private(set) var bases: [LogIdentity: Offset] = [:]

    /// A disk without a journal is an empty one.
    init(_ image: DiskImage, name: String, archive: BatchArchive, ledger: RegionLedger) {
        self.name = name
        let files = SimulatedFileStore(image)
        guard files.exists("\(RegionDeployment.directory)/marks") else { return }
        var found: [LogIdentity: [SurveyedBatch]] = [:]
        do {
            let inspection = try JournalInspection(directory: RegionDeployment.directory, files: files) { batch in
                found[batch.header.log, default: []].append(try archive.admit(batch, on: name))
            }
            for summary in inspection.logs where summary.base > .zero { bases[summary.log] = summary.base }
            settled = inspection.dropped
            // What a bootstrap brought stands on ends records whose logs this disk has never had.
            for ends in try LineageFile(directory: RegionDeployment.directory, files: files).load().all {
                settled[ends.name] = max(settled[ends.name] ?? Incarnation(0), ends.chain.root.number)
            }
            if !inspection.corruptRanges.isEmpty {
                ledger.violated("S7", "\(name): \(inspection.corruptRanges.count) ranges do not verify")
            }
        } catch {
            // Made and not synced yet: what was acknowledged from such a disk is missed below.
            return
        }
        // A batch that stood beyond the mark is written again (S7), and then stands twice.
        logs = found.mapValues { batches in
            var seen: Set<Offset> = []
            return batches.sorted { $0.base < $1.base }.filter { seen.insert($0.base).inserted }
        }
        addTrimmed(archive, ledger)
        addSettled(archive)
        isWhole = isWhole && bases.isEmpty
        checkChains(ledger)
    }

    private mutating func addTrimmed(_ archive: BatchArchive, _ ledger: RegionLedger) {
        for (log, base) in bases {
            ledger.saw(.journalTrimmed)
            let trimmed = archive.batches(of: log, before: base)
            // Bytes of before a base that was adopted may still stand in a segment.
            logs[log] = trimmed + (logs[log] ?? []).filter { $0.base >= base }
            if trimmed.last?.end != base {
                ledger.violated("run", "\(name): nobody has seen \(log) up to its base \(base.rawValue)")
            }
        }
    }

    /// Logs below a floor: whatever of them is gone here stands in the states (S1b).
    private mutating func addSettled(_ archive: BatchArchive) {
        for (log, batches) in archive.logs(below: settled) where batches.last?.end != logs[log]?.last?.end {
            logs[log] = batches
            isWhole = false
        }
    }

    /// With the logs below the newest agreed ends that this disk does not hold as far as others did (S1b).
    func completed(from archive: BatchArchive, below agreed: EndsBook) -> DiskSurvey {
        var survey = self
        for (log, batches) in archive.logs(below: agreed.agreed.mapValues(\.writer))
        where end(of: log) < batches.last?.end ?? .zero {
            survey.logs[log] = batches
            survey.isWhole = false
        }
        return survey
    }

    private func checkChains(_ ledger: RegionLedger) {
        for (log, batches) in logs {
            for (earlier, later) in zip(batches, batches.dropFirst()) {
                if later.base != earlier.end || later.chainBefore != earlier.chainDigest {
                    ledger.violated("S1", "\(name): \(log) is not one chain at \(later.base.rawValue)")
                }
                if let last = earlier.records.last, let first = later.records.first, first.stamp < last.stamp {
                    ledger.violated("S2", "\(name): stamps of \(log) go down at \(later.base.rawValue)")
                }
            }
        }
    }

    func end(of log: LogIdentity) -> Offset { logs[log]?.last?.end ?? .zero }

    /// Records of content, as far as `ends` lets them count.
    func contentRecords(upTo ends: EndsBook) -> [EventRecord] {
        logs.filter { $0.key.name.topic == .content }.flatMap { log, batches in
            let end = ends.end(of: log) ?? Offset(.max)
            return batches.flatMap { batch in
                batch.records.enumerated().filter { place, record in
                    record.kind == .content && batch.base.advanced(by: place) < end
                }.map(\.element)
            }
        }
    }

    /// Records of user events with their offsets, in the order of logs and offsets, as far as `ends` lets them count.
    func events(upTo ends: EndsBook) -> [(log: LogIdentity, offset: Offset, record: EventRecord)] {
        var events: [(log: LogIdentity, offset: Offset, record: EventRecord)] = []
        for (log, batches) in logs.sorted(by: { $0.key < $1.key }) where log.name.topic == .userEvents {
            let end = ends.end(of: log)
            for batch in batches {
                for (place, record) in batch.records.enumerated() where record.kind.rawValue >= 32 {
                    let offset = batch.base.advanced(by: place)
                    if let end, offset >= end { continue }
                    events.append((log, offset, record))
                }
            }
        }
        return events
    }

    func eventIDs(upTo ends: EndsBook) -> Set<EventID> { Set(events(upTo: ends).map(\.record.id)) }
}

/// The newest agreed ends of every log name that any disk knows, as far down as records of them are kept (S1a).
struct EndsBook: Sendable {
    private(set) var agreed: [LogName: AgreedEnds] = [:]

    init(_ surveys: [DiskSurvey]) {
        var links: [LogName: [EndsPoint: EndsLink]] = [:]
        for survey in surveys {
            for (log, batches) in survey.logs {
                for record in batches.flatMap(\.records) where record.kind == .ends {
                    // What does not parse stops that log in a node, which the run then shows.
                    guard let ends = try? EndsRecord(body: record.body) else { continue }
                    let link = EndsLink(number: log.incarnation, record: ends)
                    links[log.name, default: [:]][link.point] = link
                }
            }
        }
        for (name, known) in links {
            var chain: [EndsLink] = []
            var next = known.values.max { $0.number < $1.number }
            while let link = next {
                chain.insert(link, at: 0)
                next = known[link.record.on]
            }
            agreed[name] = EndsChain(chain).map { AgreedEnds(name: name, chain: $0) }
        }
    }

    /// Nil for a log that may still grow, and for one below all records that are kept.
    func end(of log: LogIdentity) -> Offset? {
        guard let agreed = agreed[log.name], log.incarnation >= agreed.chain.root.number else { return nil }
        return agreed.end(of: log)
    }
}
