// The end of a run: all regions are stopped, their disks are read, and all that was ever said is held against them.

import ClusterModel
import EventLog
import MergeableState
import MeridianClient
import MeridianNode
import MeridianProtocol
import NodeEnvironment
import Personalization
import SegmentLog
import SimulatedEnvironment

/// S1, S5, S10, S12 over a whole run.
struct RegionAudit: Sendable {
    let deployment: RegionDeployment
    let ledger: RegionLedger
    let judge: DiskJudge

    /// `served`: the digests that the regions showed when they had converged.
    func run(served: [PartitionID: Digest128]) throws {
        let found = deployment.regions.indices.map { judge.survey($0) }
        let agreed = EndsBook(found)
        // What a bootstrap brought stands in the states: a region need not hold what its newest ends record has fixed.
        let surveys = found.map { judge.complete($0, below: agreed) }
        let ends = EndsBook(surveys)
        checkPrefixes(surveys, ends)
        checkReference(surveys, ends, served)
        checkFolds(served, surveys, ends)
        checkAcknowledged(surveys, ends)
        checkAnswers(surveys, ends)
        countLineage(surveys, ends)
        traceEnds(surveys, ends)
    }

    /// For people who follow a seed: how long every log is on every disk, and what was agreed.
    private func traceEnds(_ surveys: [DiskSurvey], _ ends: EndsBook) {
        for log in Set(surveys.flatMap { $0.logs.keys }).sorted() where log.name.topic == .userEvents {
            let lengths = surveys.map { "\($0.end(of: log).rawValue)" }.joined(separator: " ")
            let end = ends.end(of: log).map { "\($0.rawValue)" } ?? "open"
            deployment.simulation.scheduler.note("\(log) on disks: \(lengths); end \(end)")
        }
        for survey in surveys {
            for (log, batches) in survey.logs.sorted(by: { $0.key < $1.key }) where log.name.topic == .userEvents {
                for record in batches.flatMap(\.records) where record.kind == .ends {
                    // What does not parse was told above.
                    let listed = (try? EndsRecord(body: record.body))?.ends ?? []
                    let text = listed.map { "\(String($0.incarnation.rawValue, radix: 16)):\($0.end.rawValue)" }
                    deployment.simulation.scheduler.note("\(survey.name) \(log) agrees on \(text)")
                }
            }
        }
    }

    /// S1, S8: after convergence all hold the same bytes of every log up to its agreed end; the content of each place
    /// was compared when it was read.
    private func checkPrefixes(_ surveys: [DiskSurvey], _ ends: EndsBook) {
        let logs = Set(surveys.flatMap { $0.logs.keys }).sorted()
        for log in logs {
            guard let end = ends.end(of: log), end > .zero else { continue }
            for survey in surveys where survey.end(of: log) < end {
                ledger.violated(
                    "S1",
                    "\(survey.name) has \(log) to \(survey.end(of: log).rawValue) only; its agreed end is \(end.rawValue)"
                )
            }
        }
    }

    /// S5, S10: the state is that of each event once.
    private func checkReference(
        _ surveys: [DiskSurvey], _ ends: EndsBook, _ served: [PartitionID: Digest128]
    ) {
        var reference = ReferenceState()
        var places: Set<EventPlace> = []
        do {
            for survey in surveys {
                for (log, offset, record) in survey.events(upTo: ends) {
                    let place = EventPlace(
                        region: log.name.region, partition: log.name.partition, incarnation: log.incarnation,
                        offset: offset)
                    if places.insert(place).inserted { try reference.add(record) }
                }
            }
        } catch {
            return ledger.violated("run", "a record does not parse: \(error)")
        }
        ledger.saw(.sameEventInTwoLogs, times: reference.copies)
        for (partition, digest) in reference.digests(of: deployment.partitions).sorted(by: { $0.key < $1.key })
        where served[partition] != digest {
            ledger.violated(
                "S5",
                "partition \(partition.rawValue): regions show \(served[partition].map { "\($0)" } ?? "nothing"), "
                    + "each event once makes \(digest)")
        }
    }

    /// S10: what a node holds is the fold of the logs on its disk, from its snapshots and from zero.
    private func checkFolds(
        _ served: [PartitionID: Digest128], _ surveys: [DiskSurvey], _ ends: EndsBook
    ) {
        for region in deployment.regions.indices {
            // What is trimmed stands in snapshots only.
            for fromZero in surveys[region].isWhole ? [false, true] : [false] {
                do {
                    let fold = try Self.fold(deployment, region: region, fromZero: fromZero)
                    try checkContent(fold.content, surveys[region], ends)
                    for var shard in fold.shards
                    where served[shard.partition] != shard.digest() {
                        ledger.violated(
                            "S10",
                            "region \(region + 1), partition \(shard.partition.rawValue): the fold of its logs "
                                + "\(fromZero ? "from zero" : "from its snapshot") is not what it showed")
                    }
                } catch {
                    ledger.violated("S10", "region \(region + 1) cannot fold its logs: \(error)")
                }
            }
        }
    }

    /// S1a, S3: a catalogue is the newest write of each id within the agreed ends, whatever topic they are of.
    private func checkContent(_ content: ContentState, _ survey: DiskSurvey, _ ends: EndsBook) throws {
        var reference = Catalogue(limit: .max)
        for record in survey.contentRecords(upTo: ends) {
            reference.apply(
                try ContentEvent(record), by: MergeOrder(id: record.id, bodyDigest: record.bodyDigest))
        }
        if content.catalogue.digest != reference.digest {
            ledger.violated(
                "S1a",
                "\(survey.name): its catalogue of \(content.catalogue.liveCount) items is not that of its logs up to "
                    + "their agreed ends, of \(reference.liveCount)")
        }
    }

    /// What a start on the region's disk, of a stopped node, would fold.
    static func fold(
        _ deployment: RegionDeployment, region: Int, fromZero: Bool
    ) throws -> (shards: [ShardState], content: ContentState) {
        let files = SimulatedFileStore(deployment.machine(region).disk.image())
        let configuration = deployment.configurations[region]
        let directory = NodeRecoveryRun.snapshotDirectory(configuration)
        if fromZero, files.exists(directory) {
            for name in try files.list(directory) { try files.remove("\(directory)/\(name)") }
        }
        if fromZero { try DiskAudit.forgetFloors(in: RegionDeployment.directory, files) }
        let recovery = try NodeRecoveryRun(
            configuration, environment: SteppedEnvironment(seed: 1, files: files).environment, acceptsCorruption: false
        ).runHere()
        recovery.log.abandon()
        return (recovery.shards, recovery.content)
    }

    /// S6, S11, S12: what was acknowledged above `buffered` is there, but for un-mirrored tails of lost disks.
    private func checkAcknowledged(_ surveys: [DiskSurvey], _ ends: EndsBook) {
        let held = surveys.map { $0.eventIDs(upTo: ends) }
        let excused = ledger.excused
        for entry in ledger.entries {
            guard let strength = entry.strength, strength > .buffered else { continue }
            guard !held.contains(where: { $0.contains(entry.id) }) else { continue }
            if strength == .local, excused.contains(entry.id) {
                ledger.saw(.localLostWithDisk)
            } else {
                ledger.violated(
                    strength == .local ? "S6" : "S11",
                    "event \(entry.id) of \(entry.user), acknowledged \(strength) at \(entry.places.short), is gone")
            }
        }
    }

    /// S12: nobody was told LOST_TAIL who lost nothing, and no region ever met a session that it could not meet.
    private func checkAnswers(_ surveys: [DiskSurvey], _ ends: EndsBook) {
        for answer in ledger.answers {
            let lost = answer.named.filter { isLost($0, surveys, ends) }
            if answer.lostTail, lost.isEmpty, !mayHaveAgreedAlone(answer) {
                ledger.violated("S12", "\(answer.user) was told LOST_TAIL and lost nothing of \(answer.named.short)")
            }
            // With LOST_TAIL the rest of the session is met.
            guard answer.isSatisfied, !answer.lostTail, let place = lost.first(where: { mayNotBeMet($0, answer) })
            else { continue }
            ledger.violated(
                "S12",
                "\(answer.user) was told by region \(answer.region.rawValue) that its session is met; \([place].short) is lost"
            )
        }
    }

    /// An origin's ends record may go with its disk before anybody heard of it. The tail that it cut may then come back
    /// with an older disk, and be agreed upon: the answer was true when it was given.
    private func mayHaveAgreedAlone(_ answer: RegionLedger.SessionAnswer) -> Bool {
        guard let index = deployment.regions.firstIndex(of: answer.region) else { return false }
        return deployment.diskFaults(of: index) > answer.diskFaults
            && answer.named.contains { $0.region == answer.region }
    }

    /// A region meets its own unflushed records in memory until it dies (`buffered`), and what its disk held until that
    /// is replaced. Nothing else may be met and then be gone.
    private func mayNotBeMet(_ place: EventPlace, _ answer: RegionLedger.SessionAnswer) -> Bool {
        guard let index = deployment.regions.firstIndex(of: answer.region) else { return false }
        if deployment.diskFaults(of: index) > answer.diskFaults { return false }
        return place.region != answer.region || deployment.life(of: index) == answer.life
    }

    func isLost(_ place: EventPlace, _ surveys: [DiskSurvey], _ ends: EndsBook) -> Bool {
        let end = ends.end(of: place.log) ?? surveys.map { $0.end(of: place.log) }.max() ?? .zero
        return place.offset >= end
    }

    private func countLineage(_ surveys: [DiskSurvey], _ ends: EndsBook) {
        for survey in surveys {
            for (log, batches) in survey.logs {
                ledger.saw(
                    .endsAgreed,
                    times: batches.flatMap(\.records).count { $0.kind == .ends && log.name.topic == .userEvents })
                if let end = ends.end(of: log), survey.end(of: log) > end { ledger.saw(.tailQuarantined) }
            }
        }
    }
}
