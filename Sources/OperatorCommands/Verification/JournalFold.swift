// The fold of a stopped node's journal from its first record: what the state must be (S10), and which events stand.

package import ClusterModel
import EventLog
package import NodeEnvironment
package import Personalization
package import SegmentLog

/// Reads a journal and keeps each partition's state and how often each event stands in it. Logs of several regions are
/// folded in the order in which they stand on each other; what lies beyond agreed ends is left out (S1a).
package struct JournalFold: Sendable {
    /// By partition.
    package private(set) var states: [PartitionID: ShardState] = [:]
    /// Records of each event id, over all logs, as far as they are folded. Ids of slates that were served are among them.
    package private(set) var occurrences: [EventID: UInt32] = [:]
    /// The same events, each once; nil unless asked for.
    package private(set) var reference: EffectReference?
    package private(set) var inspection: JournalInspection
    /// Logs that wait for bytes that are not in this journal.
    package private(set) var held: Set<LogIdentity> = []

    /// Looks at a journal: each has met agreed ends that the one before did not know.
    private static let maxScans = 64

    /// Blocks on the disk for the whole scan. Throws `.refused` while a node runs on the directory, `.doesNotHold` where a
    /// record cannot be folded.
    package init(
        directory: String, files: any FileStore, keepsReference: Bool = false
    ) throws(OperatorFailure) {
        var scan = Scan(knowing: [], keepsReference: keepsReference)
        do {
            inspection = try JournalInspection(directory: directory, files: files) { try scan.visit($0) }
            try scan.finish()
            var scans = 1
            while scan.exceedsAgreedEnds, scans < Self.maxScans {
                scans += 1
                scan = Scan(knowing: scan.agreedEnds, keepsReference: keepsReference)
                _ = try JournalInspection(directory: directory, files: files) { try scan.visit($0) }
                try scan.finish()
            }
        } catch {
            throw Self.failure(error, directory)
        }
        (states, occurrences, reference) = (scan.states, scan.occurrences, scan.reference)
        // A partition without an event has a digest too.
        for partition in inspection.identity?.partitions.all ?? [] where states[partition] == nil {
            states[partition] = ShardState(partition: partition)
        }
        held = Set(scan.waiting.keys)
    }

    private static func failure(_ error: any Error, _ directory: String) -> OperatorFailure {
        switch error {
        case let error as EventLogError where error.code == .fenced:
            OperatorFailure(.refused, "\(error)", nextStep: "stop the node that runs on \(directory) first")
        case let error as ApplyError:
            OperatorFailure(
                .doesNotHold, "\(directory): a record cannot be folded: \(error)",
                nextStep: "meridian log verify \(directory)")
        default: LogInspection.failure(error, directory)
        }
    }
}

extension JournalFold {
    /// One reading of the journal. Batches stand in it in the order in which they came, which need not be the order of
    /// the fold: those that come too early wait, and are tried again whenever something has moved.
    private struct Scan {
        var states: [PartitionID: ShardState] = [:]
        var occurrences: [EventID: UInt32] = [:]
        var reference: EffectReference?
        /// In each log's own order.
        var waiting: [LogIdentity: [EncodedBatch]] = [:]
        private let known: [AgreedEnds]

        init(knowing known: [AgreedEnds], keepsReference: Bool) {
            self.known = known
            reference = keepsReference ? EffectReference() : nil
        }

        var exceedsAgreedEnds: Bool { states.values.contains { $0.lines.exceedsAgreedEnds } }

        var agreedEnds: [AgreedEnds] {
            states.keys.sorted().flatMap { states[$0]?.agreedEnds(of: .userEvents, $0) ?? [] }
        }

        mutating func visit(_ batch: EncodedBatch) throws {
            let log = batch.header.log
            guard log.name.topic == .userEvents else { return }
            if waiting[log] != nil {
                waiting[log]?.append(batch)
            } else if try !take(batch) {
                waiting[log] = [batch]
            }
        }

        /// Tries what waits until nothing moves.
        mutating func finish() throws {
            var isMoving = true
            while isMoving {
                isMoving = false
                for log in waiting.keys.sorted() {
                    var batches = waiting[log, default: []][...]
                    let count = batches.count
                    while let batch = batches.first, try take(batch) { batches.removeFirst() }
                    if batches.count < count { isMoving = true }
                    waiting[log] = batches.isEmpty ? nil : Array(batches)
                }
            }
        }

        /// False for one that has to wait.
        private mutating func take(_ batch: EncodedBatch) throws -> Bool {
            let (name, incarnation) = (batch.header.log.name, batch.header.log.incarnation)
            var state = states.removeValue(forKey: name.partition) ?? empty(name.partition)
            defer { states[name.partition] = state }
            let before = state.lines.next(in: name.region, incarnation)
            let outcome: BatchOutcome
            do {
                outcome = try state.apply(batch)
            } catch {
                guard case .endDiffers = error else { throw error }
                // Met again with the ends known, once this reading is over.
                outcome = .held
            }
            try count(batch, from: before, below: state.lines.next(in: name.region, incarnation))
            return outcome != .held
        }

        private func empty(_ partition: PartitionID) -> ShardState {
            var state = ShardState(partition: partition)
            for ends in known where ends.name.partition == partition { state.learn(ends) }
            return state
        }

        private mutating func count(_ batch: EncodedBatch, from: Offset, below end: Offset) throws {
            guard from < end else { return }
            for (place, record) in try batch.records().enumerated() where UserEvent.kinds.contains(record.kind) {
                let offset = batch.header.baseOffset.advanced(by: place)
                guard offset >= from, offset < end else { continue }
                occurrences[record.id, default: 0] += 1
                try reference?.take(record, in: batch.header.log.name.partition)
            }
        }
    }
}
