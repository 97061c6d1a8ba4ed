// The fold of a stopped node's journal from its first record: what the state must be (S10), and which events stand.

package import ClusterModel
import EventLog
package import NodeEnvironment
package import Personalization
package import SegmentLog

/// Reads a journal once and keeps each partition's state and how often each event stands in it.
package struct JournalFold: Sendable {
    /// By partition.
    package private(set) var states: [PartitionID: ShardState] = [:]
    /// Records of each event id, over all logs. Ids of slates that were served are among them.
    package private(set) var occurrences: [EventID: UInt32] = [:]
    package private(set) var inspection: JournalInspection

    /// Blocks on the disk for the whole scan. Throws `.refused` while a node runs on the directory, `.doesNotHold` where a
    /// record cannot be folded.
    package init(directory: String, files: any FileStore) throws(OperatorFailure) {
        var states: [PartitionID: ShardState] = [:]
        var occurrences: [EventID: UInt32] = [:]
        do {
            inspection = try JournalInspection(directory: directory, files: files) { batch in
                guard batch.header.log.name.topic == .userEvents else { return }
                let partition = batch.header.log.name.partition
                try states[partition, default: ShardState(partition: partition)].apply(batch)
                for record in try batch.records() where record.kind.isUserEvent {
                    occurrences[record.id, default: 0] += 1
                }
            }
        } catch {
            throw Self.failure(error, directory)
        }
        self.states = states
        self.occurrences = occurrences
    }

    private static func failure(_ error: any Error, _ directory: String) -> OperatorFailure {
        switch error {
        case let error as FileError where error.code == .locked:
            OperatorFailure(.refused, "\(error)", nextStep: "stop the node that runs on \(directory) first")
        case let error as EventLogError where error.code == .fenced:
            OperatorFailure(.refused, "\(error)", nextStep: "stop the node that runs on \(directory) first")
        case let error as ApplyError:
            OperatorFailure(
                .doesNotHold, "\(directory): a record cannot be folded: \(error)",
                nextStep: "meridian log verify \(directory)")
        default:
            OperatorFailure(
                .usage, "\(error)", nextStep: "give the directory that the node's log.directory names")
        }
    }
}

extension RecordKind {
    /// Whether the record is an event that a user's client named, not the log's own.
    fileprivate var isUserEvent: Bool {
        rawValue >= RecordKind.profile.rawValue && rawValue < RecordKind.content.rawValue
    }
}
