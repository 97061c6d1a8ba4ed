// Commits of groups: durable once answered, whatever the disk does, and never further than they said.

import ClusterModel
import NodeEnvironment
import Personalization
import SimulatedEnvironment
import Synchronization
import Testing

@testable import ServingAPI

/// A disk without room for another file.
private final class FullFiles: ForwardingFileStore {
    let base: any FileStore

    init(_ base: any FileStore) { self.base = base }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        throw FileError(.noSpace, operation: "open", path: path, systemError: 28)
    }
}

@Suite struct StreamGroupsTests {
    private final class Outcomes: Sendable {
        let all = Mutex<[Result<Void, StreamGroupError>]>([])
        var successes: Int { all.withLock { $0.count { (try? $0.get()) != nil } } }
        var failures: [StreamGroupError] {
            all.withLock { $0.compactMap { if case .failure(let error) = $0 { error } else { nil } } }
        }
        func keep(_ outcome: Result<Void, StreamGroupError>) { all.withLock { $0.append(outcome) } }
    }

    private static let directory = "/log/groups"

    private static func groups(_ stepped: SteppedEnvironment) throws -> StreamGroups {
        let groups = StreamGroups(
            files: GroupFiles(directory: directory, files: stepped.files),
            disk: stepped.environment.executors.makeDedicatedExecutor(label: "test"))
        _ = try groups.load()
        return groups
    }

    private static func group(_ name: String, _ topic: EffectTopic = .userEvents) throws -> StreamGroup {
        try #require(StreamGroup(name: name, topic: topic))
    }

    private static func cursor(_ partition: UInt32, _ next: UInt64) -> StreamCursor {
        var position = EffectPosition()
        position.advance(RegionNumber(1), Incarnation(5), to: Offset(next))
        return StreamCursor([PartitionID(partition): position])
    }

    @Test func namesAreChecked() {
        #expect(StreamGroup(name: "", topic: .userEvents) == nil)
        #expect(StreamGroup(name: "a/b", topic: .userEvents) == nil)
        #expect(StreamGroup(name: String(repeating: "a", count: 65), topic: .userEvents) == nil)
        #expect(StreamGroup(name: "shop.search_1-b", topic: .userEvents) != nil)
    }

    /// What was answered is there after a crash; partitions are committed apart; topics have cursors of their own.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func answeredCommitsSurviveACrash(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let stepped = SteppedEnvironment(seed: seed)
        var groups = try Self.groups(stepped)
        let names = [try Self.group("a"), try Self.group("b"), try Self.group("a", .consents)]
        var expected: [StreamGroup: StreamCursor] = [:]
        for step in 0..<40 as Range<UInt64> {
            let group = names[Int(random.next() % 3)]
            let cursor = Self.cursor(UInt32(random.next() % 3), step)
            let outcomes = Outcomes()
            groups.commit(cursor, of: group, at: WallTime(milliseconds: step)) { outcomes.keep($0) }
            #expect(outcomes.successes == 1, "seed \(seed)")
            expected[group, default: StreamCursor()].take(cursor)
            if random.next() % 4 == 0 {
                stepped.files.crash(using: &random)
                groups = try Self.groups(stepped)
            }
            for (group, cursor) in expected {
                let found = try groups.cursor(of: group)
                #expect(found == cursor, "seed \(seed)")
            }
        }
    }

    /// A damaged generation falls back to the one before: repetitions, no gap. With both damaged the group has to say where
    /// it stands, and is never taken for a new one.
    @Test func damageIsNeverTakenForANewGroup() throws {
        let stepped = SteppedEnvironment(seed: 1)
        let group = try Self.group("a")
        let groups = try Self.groups(stepped)
        for step in 1...3 as ClosedRange<UInt64> {
            groups.commit(Self.cursor(0, step), of: group, at: WallTime(milliseconds: step)) { _ in }
        }
        let names = try stepped.files.list(Self.directory).filter { $0.hasSuffix(".cursor") }
        #expect(names.count == 2)
        func damage(_ name: String) throws {
            let file = try stepped.files.open("\(Self.directory)/\(name)", .readWrite)
            try file.write([0xff], at: 20)
            try file.synchronizeData()
            file.close()
        }
        try damage(try #require(names.last))
        var found = try Self.groups(stepped).cursor(of: group)
        #expect(found == Self.cursor(0, 2))
        try damage(try #require(names.first))
        let broken = try Self.groups(stepped)
        #expect(throws: StreamGroupError.damaged) { try broken.cursor(of: group) }
        let outcomes = Outcomes()
        broken.commit(Self.cursor(0, 9), of: group, at: WallTime(milliseconds: 9)) { outcomes.keep($0) }
        found = try broken.cursor(of: group)
        #expect(outcomes.successes == 1 && found == Self.cursor(0, 9))
    }

    /// Groups beyond the limit, however they came there, are not taken for new ones either.
    @Test func groupsBeyondTheLimitAreKept() throws {
        let stepped = SteppedEnvironment(seed: 1)
        let groups = try Self.groups(stepped)
        for name in ["a", "b", "c"] {
            groups.commit(Self.cursor(0, 1), of: try Self.group(name), at: WallTime(milliseconds: 1)) { _ in }
        }
        let loaded = try GroupFiles(directory: Self.directory, files: stepped.files).load(limit: 2)
        #expect(loaded.groups.count == 2 && loaded.damaged.count == 1)
        let missing = try ["a", "b", "c"].map { try Self.group($0) }.filter { loaded.groups[$0] == nil }
        #expect(missing.map { GroupFiles.key(of: $0) } == Array(loaded.damaged.keys))
    }

    /// A commit that the disk refused leaves neither a cursor nor a group behind.
    @Test func aGroupThatNeverStoodTakesNoPlace() throws {
        let stepped = SteppedEnvironment(seed: 1)
        let groups = StreamGroups(
            files: GroupFiles(directory: Self.directory, files: FullFiles(stepped.files)),
            disk: stepped.environment.executors.makeDedicatedExecutor(label: "test"))
        let outcomes = Outcomes()
        groups.commit(Self.cursor(0, 1), of: try Self.group("a"), at: WallTime(milliseconds: 1)) { outcomes.keep($0) }
        let found = try groups.cursor(of: try Self.group("a"))
        #expect(outcomes.successes == 0 && outcomes.failures.count == 1)
        #expect(found == nil && groups.standings.isEmpty && groups.counts.failures == 1)
    }

    @Test func groupsAreBoundedAndForgotten() throws {
        let groups = try Self.groups(SteppedEnvironment(seed: 1))
        let outcomes = Outcomes()
        for number in 0...StreamGroups.maxGroups {
            groups.commit(Self.cursor(0, 1), of: try Self.group("g\(number)"), at: WallTime(milliseconds: 1)) {
                outcomes.keep($0)
            }
        }
        #expect(outcomes.successes == StreamGroups.maxGroups && outcomes.failures == [.tooManyGroups])
        groups.forget(try Self.group("g7")) { outcomes.keep($0) }
        groups.forget(try Self.group("g7")) { outcomes.keep($0) }
        #expect(outcomes.failures.last == .unknownGroup)
        #expect(groups.standings.count == StreamGroups.maxGroups - 1)
    }
}
