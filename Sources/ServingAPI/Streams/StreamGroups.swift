// The groups of a node: their durable cursors, who is behind and how far, and what of the logs they still need.

package import ClusterModel
package import EventLog
package import NodeEnvironment
import Personalization
import Synchronization

/// Why a group cannot be dealt with.
package enum StreamGroupError: Error, Hashable, Sendable {
    /// There are `StreamGroups.maxGroups` already.
    case tooManyGroups
    /// There are as many as the client that would make one may have.
    case tooManyOfClient
    case unknownGroup
    /// No generation of its file verifies.
    case damaged
    /// The disk did not take the cursor; the one before stands.
    case notCommitted(String)
}

/// Which groups count as a client's own, and how many it may have.
package struct GroupShare: Sendable {
    package var limit: Int
    package var includes: @Sendable (StreamGroup) -> Bool

    package init(limit: Int, includes: @escaping @Sendable (StreamGroup) -> Bool) {
        self.limit = limit
        self.includes = includes
    }
}

/// One a node. Thread-safe; files are written on an executor of its own, a group's commits in the order in which they came.
/// While one is being written the next ones gather and are written together.
package final class StreamGroups: Sendable {
    package static let maxGroups = 256

    package typealias Completion = @Sendable (Result<Void, StreamGroupError>) -> Void

    private struct Record {
        var committed: CommittedCursor?
        /// What the file will hold, and who waits for it.
        var next: CommittedCursor?
        var waiting: [Completion] = []
        var isWriting = false
        var subscribers = 0
    }

    private struct State {
        var records: [StreamGroup: Record] = [:]
        /// Groups whose names nobody has said yet.
        var damaged: [UInt64: String] = [:]
        var commits: UInt64 = 0
        var failures: UInt64 = 0
    }

    private let files: GroupFiles
    private let disk: any DedicatedExecutor
    private let state = Mutex(State())

    package init(files: GroupFiles, disk: any DedicatedExecutor) {
        self.files = files
        self.disk = disk
    }

    /// Reads all groups. Blocks on the disk; before anything is served. The groups whose files do not verify, and why.
    package func load() throws(FileError) -> [String] {
        let loaded = try files.load(limit: Self.maxGroups)
        state.withLock { state in
            for (group, committed) in loaded.groups { state.records[group] = Record(committed: committed) }
            state.damaged = loaded.damaged
        }
        return loaded.damaged.values.sorted()
    }

    /// Commits written, and commits that the disk refused, since the start; files of groups that do not verify.
    package var counts: (commits: UInt64, failures: UInt64, damaged: Int) {
        state.withLock { ($0.commits, $0.failures, $0.damaged.count) }
    }

    /// The group's durable cursor; nil for a group that is new here.
    package func cursor(of group: StreamGroup) throws(StreamGroupError) -> StreamCursor? {
        let (cursor, isDamaged) = state.withLock { state in
            let record = state.records[group]
            return (record?.committed?.cursor, Self.isDamaged(group, state))
        }
        if isDamaged { throw .damaged }
        return cursor
    }

    /// Files that do not verify are groups too.
    private static func hasRoom(for group: StreamGroup, _ state: State) -> Bool {
        let isOneOfThem = state.damaged[GroupFiles.key(of: group)] != nil
        return state.records.count + state.damaged.count < maxGroups + (isOneOfThem ? 1 : 0)
    }

    private static func isWithin(_ share: GroupShare?, _ state: State) -> Bool {
        guard let share else { return true }
        return state.records.keys.count(where: share.includes) < share.limit
    }

    private static func isDamaged(_ group: StreamGroup, _ state: State) -> Bool {
        state.records[group]?.committed == nil && state.damaged[GroupFiles.key(of: group)] != nil
    }

    /// Makes the positions that `cursor` names the group's; the others stay. Completes on the disk's executor once it is
    /// durable. `share`: what a group that is new here must fit into; nil leaves all groups to whoever comes.
    package func commit(
        _ cursor: StreamCursor, of group: StreamGroup, at now: WallTime, share: GroupShare? = nil,
        completion: @escaping Completion
    ) {
        let (refusal, begins) = state.withLock { state -> (StreamGroupError?, Bool) in
            if state.records[group] == nil {
                guard Self.hasRoom(for: group, state) else { return (.tooManyGroups, false) }
                guard Self.isWithin(share, state) else { return (.tooManyOfClient, false) }
            }
            var record = state.records[group] ?? Record()
            var next = record.next ?? record.committed ?? CommittedCursor(cursor: StreamCursor(), committedAt: now)
            next.cursor.take(cursor)
            next.committedAt = now
            record.next = next
            record.waiting.append(completion)
            let begins = !record.isWriting
            record.isWriting = true
            state.records[group] = record
            return (nil, begins)
        }
        if let refusal { return completion(.failure(refusal)) }
        if begins { disk.execute { self.write(group) } }
    }

    private func write(_ group: StreamGroup) {
        let taken = state.withLock { state -> (CommittedCursor, [Completion])? in
            guard let next = state.records[group]?.next, let waiting = state.records[group]?.waiting else { return nil }
            state.records[group]?.next = nil
            state.records[group]?.waiting = []
            return (next, waiting)
        }
        guard let (cursor, waiting) = taken else { return }
        let outcome = Result { () throws(FileError) in try files.save(cursor, of: group) }
        let goesOn = state.withLock { state in
            switch outcome {
            case .success:
                state.commits += 1
                state.records[group]?.committed = cursor
                state.damaged[GroupFiles.key(of: group)] = nil
            case .failure: state.failures += 1
            }
            let goesOn = state.records[group]?.next != nil
            state.records[group]?.isWriting = goesOn
            // A group that never stood on the disk takes no place.
            if !goesOn, let record = state.records[group], record.committed == nil { state.records[group] = nil }
            return goesOn
        }
        let answer = outcome.mapError { StreamGroupError.notCommitted("\($0)") }
        for completion in waiting { completion(answer) }
        if goesOn { disk.execute { self.write(group) } }
    }

    /// Forgets a group, its file included.
    package func forget(_ group: StreamGroup, completion: @escaping Completion) {
        disk.execute { [self] in
            let (isKnown, waiting) = state.withLock { state in
                let isDamaged = state.damaged.removeValue(forKey: GroupFiles.key(of: group)) != nil
                let record = state.records.removeValue(forKey: group)
                return (record != nil || isDamaged, record?.waiting ?? [])
            }
            for completion in waiting { completion(.failure(.unknownGroup)) }
            guard isKnown else { return completion(.failure(.unknownGroup)) }
            do throws(FileError) {
                try files.remove(group)
                completion(.success(()))
            } catch {
                completion(.failure(.notCommitted("\(error)")))
            }
        }
    }

    // MARK: Subscribers

    package func onSubscribed(_ group: StreamGroup) { state.withLock { $0.records[group]?.subscribers += 1 } }

    /// The group may have been forgotten since.
    package func onUnsubscribed(_ group: StreamGroup) {
        state.withLock { state in
            let count = state.records[group]?.subscribers ?? 0
            state.records[group]?.subscribers = max(0, count - 1)
        }
    }

    /// A group as it stands.
    package struct Standing: Sendable {
        package var group: StreamGroup
        package var committed: CommittedCursor?
        package var subscribers: Int
        package var isDamaged: Bool
    }

    /// Ascending.
    package var standings: [Standing] {
        state.withLock { state in
            state.records.keys.sorted().map { group in
                Standing(
                    group: group, committed: state.records[group]?.committed,
                    subscribers: state.records[group]?.subscribers ?? 0, isDamaged: Self.isDamaged(group, state))
            }
        }
    }

    /// Of each group, ascending, the first offset of each log in `logs` that it has not committed: what trimming leaves in
    /// place while the group may hold it (S5). Logs that a group does not need are not in it. Complexity: O(groups x logs).
    package func needs(of logs: [LogSummary]) -> [(group: StreamGroup, next: [LogIdentity: Offset])] {
        let cursors = state.withLock { state in
            state.records.compactMap { group, record in record.committed.map { (group, $0.cursor) } }
        }
        return cursors.sorted { $0.0 < $1.0 }.map { group, cursor in
            var next: [LogIdentity: Offset] = [:]
            for summary in logs where summary.log.name.topic == .userEvents {
                let log = summary.log
                guard let position = cursor.positions[log.name.partition] else { continue }
                next[log] = position.next(in: log.name.region, log.incarnation)
            }
            return (group, next)
        }
    }
}
