// Reads disks at the moments that matter and holds them against what was acknowledged (S1, S2, S6, S8, S11).

import ClusterModel
import MergeableState
import NodeEnvironment
import Personalization
import RegionMirror
import SimulatedEnvironment
import Synchronization

/// Thread-safe.
final class DiskJudge: Sendable {
    private let deployment: RegionDeployment
    private let ledger: RegionLedger
    private let archive: BatchArchive

    init(deployment: RegionDeployment, ledger: RegionLedger) {
        self.deployment = deployment
        self.ledger = ledger
        archive = BatchArchive(ledger: ledger, clock: deployment.phonesClock)
    }

    /// Looks at all disks often enough that nothing is trimmed unseen, until `isOver`.
    func watch(until isOver: @Sendable () -> Bool) async {
        guard deployment.trims else { return }
        while !isOver(), !Task.isCancelled {
            for region in deployment.regions.indices { _ = survey(region) }
            // Only cancellation ends it early, and nobody cancels it.
            try? await deployment.phonesClock.sleep(for: RegionBounds.retention / 4)
        }
    }

    func survey(_ region: Int, _ image: DiskImage? = nil) -> DiskSurvey {
        let image = image ?? deployment.machine(region).disk.image()
        let survey = DiskSurvey(image, name: deployment.machineName(region), archive: archive, ledger: ledger)
        checkSnapshots(image, survey)
        return survey
    }

    /// See DiskSurvey.
    func complete(_ survey: DiskSurvey, below agreed: EndsBook) -> DiskSurvey {
        survey.completed(from: archive, below: agreed)
    }

    /// S11: what was acknowledged `remote(k)` stands on k disks besides the region's that is about to go. One disk may
    /// have been lost and not caught up yet.
    func checkRemote(without region: Int) {
        let others = deployment.regions.indices.filter { $0 != region }.map { survey($0) }
        let ends = EndsBook(others)
        let held = others.map { $0.eventIDs(upTo: ends) }
        let isWhole = deployment.hasCaughtUp
        for entry in ledger.entries {
            guard case .remote(let regions) = entry.strength else { continue }
            let holders = held.count { $0.contains(entry.id) }
            if holders < regions - (isWhole ? 0 : 1) {
                ledger.violated(
                    "S11",
                    "event \(entry.id), acknowledged remote(\(regions)), stands on \(holders) disks besides "
                        + "region \(region + 1)'s")
            }
        }
        ledger.saw(.survivorsSurveyed)
    }

    /// The region's disk, of a machine that is down, is about to be replaced by `image` or by nothing.
    func diskIsReplaced(of region: Int, by image: DiskImage?) {
        checkRemote(without: region)
        let own = survey(region)
        let others = deployment.regions.indices.filter { $0 != region }.map { survey($0) }
        let ends = EndsBook(others + [own])
        var kept = others.reduce(into: Set<EventID>()) { $0.formUnion($1.eventIDs(upTo: ends)) }
        if let image { kept.formUnion(survey(region, image).eventIDs(upTo: ends)) }
        let lost = own.eventIDs(upTo: ends).subtracting(kept)
        if !lost.isEmpty { ledger.saw(.tailLost) }
        ledger.excuse(lost)
    }

    private func isBootstrapping(_ partition: PartitionID, _ image: DiskImage) -> Bool {
        StagedSnapshots(directory: RegionDeployment.directory, files: SimulatedFileStore(image)).isBegun(
            SnapshotItem(topic: .userEvents, partition: partition))
    }

    /// S6: a snapshot names nothing that is not flushed on its disk.
    private func checkSnapshots(_ image: DiskImage, _ survey: DiskSurvey) {
        let store = SnapshotStore(
            directory: "\(RegionDeployment.directory)/snapshots", files: SimulatedFileStore(image))
        for partition in deployment.partitions.all {
            // One that does not verify is not used either.
            guard let state = try? store.load(partition).state else { continue }
            ledger.saw(.snapshotWritten)
            // A bootstrap publishes first; the next start passes such a snapshot over where the logs do not go on from it.
            if isBootstrapping(partition, image) { continue }
            for entry in state.vector.entries {
                let log = LogIdentity(
                    name: LogName(region: entry.region, topic: .userEvents, partition: partition),
                    incarnation: entry.incarnation)
                if entry.next > survey.end(of: log) {
                    ledger.violated(
                        "S6",
                        "\(survey.name): a snapshot names \(log) to \(entry.next.rawValue), flushed is "
                            + "\(survey.end(of: log).rawValue)")
                }
            }
        }
    }
}
