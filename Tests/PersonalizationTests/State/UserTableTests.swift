// The table of users: copies stand apart, and what it counts of its digest is what a table made anew counts.

import ClusterModel
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct UserTableTests {
    private static func user(_ number: UInt64) -> UserKey { UserKey(userID: "user-\(number)") }

    private static func change(_ table: inout UserTable, _ number: UInt64, to language: String, at time: UInt64) {
        let order = MergeOrder(id: EventID(time: time << 16, client: number), bodyDigest: time)
        table.change(user(number)) { $0.language.write(language, by: order) }
    }

    /// Changes by chance, with copies taken and digests asked for in between.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func copiesStandApart(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = UserTable()
        var copies: [(table: UserTable, languages: [UInt64: String])] = []
        var languages: [UInt64: String] = [:]
        for time in 1...400 as ClosedRange<UInt64> {
            let number = generator.next() % 97
            languages[number] = "l\(time % 7)"
            Self.change(&table, number, to: "l\(time % 7)", at: time)
            if generator.next() % 40 == 0 { copies.append((table, languages)) }
            if generator.next() % 30 == 0 { _ = table.digest() }
        }
        copies.append((table, languages))
        for (copy, expected) in copies {
            var copy = copy
            #expect(copy.count == expected.count, "seed \(seed)")
            #expect(copy.users == expected.keys.map(Self.user).sorted(), "seed \(seed)")
            for (number, language) in expected {
                #expect(copy[Self.user(number)]?.language.value == language, "seed \(seed), user \(number)")
            }
            var anew = UserTable()
            anew.reserve(copy.count)
            for user in copy.users { anew.change(user) { $0 = copy[user] ?? UserState() } }
            #expect(anew == copy && anew.digest() == copy.digest(), "seed \(seed)")
        }
    }

    @Test func oneDifferenceIsSeen() {
        var (one, other) = (UserTable(), UserTable())
        for number in 0..<50 as Range<UInt64> {
            Self.change(&one, number, to: "en", at: 5)
            Self.change(&other, number, to: number == 49 ? "fr" : "en", at: 5)
        }
        #expect(one != other && one.digest() != other.digest())
        Self.change(&other, 49, to: "en", at: 6)
        #expect(one[Self.user(49)]?.language.value == other[Self.user(49)]?.language.value)
        #expect(one[Self.user(50)] == nil)
    }
}

extension UserTable: Equatable {
    /// Whether both hold the same users in the same states, whatever of their digests was computed.
    static func == (one: Self, other: Self) -> Bool {
        one.count == other.count && one.users.allSatisfy { one[$0] == other[$0] }
    }
}
