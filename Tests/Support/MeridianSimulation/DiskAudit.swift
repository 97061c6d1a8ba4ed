// The judge: reads the stopped node's disk and compares it with what the users were told.

import ClusterModel
import EventLog
import MeridianNode
import NodeEnvironment
import Personalization
import SegmentLog
import SimulatedEnvironment

/// Checks S5 (once), S6 (acknowledged `local` is there, and so is what a consumer was told of), S10 (digest = fold from zero) and S12 (LOST_TAIL exactly where a
/// tail was lost).
struct DiskAudit: Sendable {
    let machine: SimulatedMachine
    let configuration: NodeConfiguration
    let acceptsCorruption: Bool
    let ledger: EventLedger

    private struct Line: Hashable {
        var partition: PartitionID
        var incarnation: Incarnation
    }

    func run(servedDigests: [PartitionID: Digest128]) async throws {
        let environment = machine.environment
        let folded = try foldFromZero(environment)
        for (partition, digest) in folded.sorted(by: { $0.key < $1.key }) where servedDigests[partition] != digest {
            ledger.violated(
                "S10",
                "partition \(partition.rawValue): the node said \(servedDigests[partition].map { "\($0)" } ?? "nothing"), "
                    + "the fold of its log from zero is \(digest)")
        }
        let (counts, ends) = try readLog(environment)
        checkEvents(counts, ends)
        checkSessions(ends)
    }

    /// The digests of a start without snapshots.
    private func foldFromZero(_ environment: NodeEnvironment) throws -> [PartitionID: Digest128] {
        let directory = NodeRecoveryRun.snapshotDirectory(configuration)
        if environment.files.exists(directory) {
            for name in try environment.files.list(directory) {
                ledger.saw(.snapshotWritten)
                try environment.files.remove("\(directory)/\(name)")
            }
        }
        try Self.forgetFloors(in: configuration.log.directory, environment.files)
        let recovery = try NodeRecoveryRun(
            configuration, environment: environment, acceptsCorruption: acceptsCorruption
        ).runHere()
        recovery.log.abandon()
        var digests: [PartitionID: Digest128] = [:]
        for var shard in recovery.shards { digests[shard.partition] = shard.digest() }
        return digests
    }

    /// As if nothing had ever been settled: what is settled is folded from its bytes, which stand until their retention ends.
    static func forgetFloors(in directory: String, _ files: any FileStore) throws(FileError) {
        for name in try files.list(directory)
        where ["lineage-", "trimmed-", "index-"].contains(where: { name.hasPrefix($0) }) {
            try files.remove("\(directory)/\(name)")
        }
    }

    /// How often each id stands in the log, and where each line ends.
    private func readLog(_ environment: NodeEnvironment) throws -> ([EventID: Int], [Line: Offset]) {
        var counts: [EventID: Int] = [:]
        var ends: [Line: Offset] = [:]
        let log = try SegmentLog.open(directory: NodeScenario.directory, environment: environment) { batch in
            let header = batch.header
            guard header.log.name.topic == .userEvents else { return }
            ends[Line(partition: header.log.name.partition, incarnation: header.log.incarnation)] = batch.endOffset
            for record in try batch.records() where record.kind == .interaction { counts[record.id, default: 0] += 1 }
        }
        log.abandon()
        return (counts, ends)
    }

    private func checkEvents(_ counts: [EventID: Int], _ ends: [Line: Offset]) {
        for entry in ledger.entries {
            let count = counts[entry.id] ?? 0
            if count > 1 { ledger.violated("S5", "event \(entry.id) stands \(count) times in the log") }
            switch entry.acknowledged {
            case .local where count == 0:
                ledger.violated("S6", "event \(entry.id) was acknowledged local and is not in the log")
            case .buffered(let place) where count == 0:
                ledger.saw(.bufferedLost)
                if !isLost(place, ends) {
                    ledger.violated("S6", "buffered event \(entry.id) is gone and its line goes beyond it")
                }
            default: break
            }
        }
        for id in ledger.told.sorted() where counts[id] == nil {
            ledger.violated("S6", "a consumer was told of event \(id), which is not in the log")
        }
    }

    private func checkSessions(_ ends: [Line: Offset]) {
        for answer in ledger.answers {
            // Of the line that the answer stood on nothing was lost yet.
            let older = answer.places.filter { $0.incarnation < answer.current }
            let lost = older.filter { isLost($0, ends) }
            if !lost.isEmpty, !answer.lostTail {
                let told = answer.isSatisfied ? "that its session is met" : "nothing"
                ledger.violated("S12", "\(answer.user) lost \(lost[0]) and was told \(told)")
            }
            if answer.lostTail, lost.isEmpty, !answer.places.isEmpty {
                ledger.violated("S12", "\(answer.user) was told LOST_TAIL and lost nothing of \(answer.places)")
            }
        }
    }

    private func isLost(_ place: AcknowledgedPlace, _ ends: [Line: Offset]) -> Bool {
        let end = ends[Line(partition: place.partition, incarnation: place.incarnation)] ?? .zero
        return place.offset >= end
    }
}
