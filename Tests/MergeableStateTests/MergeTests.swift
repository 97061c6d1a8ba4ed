// Replicas that saw the same events are equal, whatever the order of arrival (S3, S9).

import ClusterModel
import MergeableState
import NodeEnvironment
import Testing

/// One write of a random history.
private enum Step {
    case write(MergeOrder, Int)
    case erase(WallTime)
}

/// All primitives under one history, each event's sum counted once.
private struct Replica: Hashable {
    var register = LastWriterRegister<Int>()
    var newest = NewestSet<Int>(limit: 4)
    var sums = BucketedSums(width: .milliseconds(100), limit: 5)
    var cut: WallTime?
    var counted: Set<MergeOrder> = []

    mutating func apply(_ step: Step) {
        switch step {
        case .write(let order, let value):
            if order.isAfter(cut) {
                register.write(value, by: order)
                newest.insert(value, by: order)
            }
            if counted.insert(order).inserted, sums.counts(order.id.wallTime, after: cut) {
                sums.add(Int64(value), at: order.id.wallTime)
            }
        case .erase(let newCut):
            cut = max(cut ?? newCut, newCut)
            register.erase(upTo: newCut)
            newest.erase(upTo: newCut)
            sums.erase(upTo: newCut)
        }
    }

    static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.register == rhs.register && lhs.newest == rhs.newest && lhs.sums == rhs.sums && lhs.cut == rhs.cut
    }

    func hash(into hasher: inout Hasher) { hasher.combine(newest) }
}

extension ConsentState {
    /// What a random history does to consent.
    fileprivate enum Step { case grant, withdrawal, erase }

    fileprivate mutating func take(_ step: (Step, EventID, [EventID]), _ cut: inout WallTime?) {
        switch step.0 {
        case .grant: grant(step.1, cancelling: step.2, erasedUpTo: cut)
        case .withdrawal: withdraw(step.1, replacing: step.2)
        case .erase:
            let newCut = WallTime(milliseconds: step.1.wallTime.milliseconds / 2)
            cut = max(cut ?? newCut, newCut)
            erase(upTo: newCut)
        }
    }
}

@Suite struct MergeTests {
    private static func history(_ generator: inout SeededGenerator, erasing: Bool) -> [Step] {
        (0..<40).map { _ in
            let time = WallTime(milliseconds: 1_000 + generator.next() % 1_200)
            if erasing, generator.next() % 12 == 0 { return .erase(time) }
            let id = EventID(at: time, sequence: 0, client: generator.next() % 3)
            return .write(MergeOrder(id: id, bodyDigest: generator.next() % 2), Int(generator.next() % 9) + 1)
        }
    }

    /// S3; HISTORIES 11, 13: an erase in the middle of a bucket, events before, after and late.
    @Test(arguments: 0..<400 as Range<UInt64>)
    func anyOrderGivesTheSameState(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let history = Self.distinct(Self.history(&generator, erasing: seed % 2 == 0))
        var first = Replica()
        for step in history { first.apply(step) }
        for _ in 0..<5 {
            var other = Replica()
            // Every step at least once, some twice: copies merge (S5).
            for step in history.shuffled(using: &generator) + history.filter({ _ in generator.next() % 4 == 0 }) {
                other.apply(step)
            }
            #expect(other == first, "seed \(seed)")
        }
    }

    /// Keeps one value an event: an event has one body.
    private static func distinct(_ steps: [Step]) -> [Step] {
        var seen: Set<MergeOrder> = []
        return steps.filter { step in
            guard case .write(let order, _) = step else { return true }
            return seen.insert(order).inserted
        }
    }

    @Test func theNewerWriteStandsHoweverItArrives() {
        let older = MergeOrder(id: EventID(at: WallTime(milliseconds: 1), sequence: 0, client: 9), bodyDigest: 9)
        let newer = MergeOrder(id: EventID(at: WallTime(milliseconds: 2), sequence: 0, client: 1), bodyDigest: 1)
        var register = LastWriterRegister<String>()
        register.write("new", by: newer)
        register.write("old", by: older)
        #expect(register.value == "new")
    }

    @Test func bucketsBelowTheRangeNeverReturn() {
        var sums = BucketedSums(width: .milliseconds(10), limit: 3)
        sums.add(1, at: WallTime(milliseconds: 100))
        sums.add(1, at: WallTime(milliseconds: 130))
        sums.add(5, at: WallTime(milliseconds: 100))
        #expect(sums.buckets.map(\.index) == [13] && sums.buckets.map(\.sum) == [1])
    }

    /// S9; HISTORIES 14: withdrawal at A, concurrent grant at B.
    @Test func aConcurrentWithdrawalWins() {
        func id(_ time: UInt64) -> EventID { EventID(at: WallTime(milliseconds: time), sequence: 0, client: 1) }
        for isGrantFirst in [true, false] {
            var consent = ConsentState()
            consent.grant(id(1), cancelling: [], erasedUpTo: nil)
            #expect(consent.isGranted)
            if isGrantFirst {
                consent.grant(id(3), cancelling: [], erasedUpTo: nil)
                consent.withdraw(id(2), replacing: [])
            } else {
                consent.withdraw(id(2), replacing: [])
                consent.grant(id(3), cancelling: [], erasedUpTo: nil)
            }
            #expect(!consent.isGranted)
            consent.grant(id(4), cancelling: consent.openWithdrawals, erasedUpTo: nil)
            #expect(consent.isGranted)
            consent.erase(upTo: WallTime(milliseconds: 4))
            #expect(!consent.isGranted)
        }
    }

    /// S9: consent is bounded, whatever the number of calls, and merges to the same whatever their order, copies included.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func consentIsBoundedAndMergesExactly(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        func id() -> EventID {
            EventID(at: WallTime(milliseconds: 1 + generator.next() % 400), sequence: 0, client: generator.next() % 2)
        }
        let steps: [(ConsentState.Step, EventID, [EventID])] = (0..<300).map { _ in
            let seen = (0..<generator.next() % 5).map { _ in id() }
            return ([.grant, .withdrawal, .erase][Int(generator.next() % 8) / 3], id(), seen)
        }
        let replicas = (0..<4).map { _ in
            var consent = ConsentState()
            var cut: WallTime?
            for step in steps.shuffled(using: &generator) + steps.prefix(50) { consent.take(step, &cut) }
            #expect(consent.withdrawals.ids.count <= ConsentState.maxKnown, "seed \(seed)")
            #expect(consent.cancelled.ids.count <= ConsentState.maxKnown, "seed \(seed)")
            return consent
        }
        #expect(Set(replicas).count == 1, "seed \(seed)")
        #expect(replicas[0].openWithdrawals.isEmpty != replicas[0].isWithdrawn, "seed \(seed)")
    }

    /// HISTORIES 31: a grant cancels nothing that is not older than it, whoever lists it.
    @Test func aGrantCancelsOnlyWhatIsOlder() {
        func id(_ time: UInt64) -> EventID { EventID(at: WallTime(milliseconds: time), sequence: 0, client: 1) }
        var consent = ConsentState()
        consent.withdraw(id(1), replacing: [])
        consent.withdraw(id(5), replacing: [id(1), id(9)])
        consent.grant(id(3), cancelling: [id(1), id(5)], erasedUpTo: nil)
        #expect(consent.openWithdrawals == [id(5)] && !consent.isGranted)
        #expect(consent.openWithdrawals(before: id(5)).isEmpty)
    }

    @Test func vectorsKeepTheHighestOffset() {
        func entry(_ region: UInt16, _ incarnation: UInt64, _ next: UInt64) -> VersionVector.Entry {
            VersionVector.Entry(
                region: RegionNumber(region), incarnation: Incarnation(incarnation), next: Offset(next))
        }
        let vector = VersionVector([entry(2, 1, 5), entry(1, 7, 3), entry(2, 1, 4), entry(1, 6, 9)])
        #expect(vector.entries == [entry(1, 6, 9), entry(1, 7, 3), entry(2, 1, 5)])
        #expect(vector.next(in: RegionNumber(2), Incarnation(1)) == Offset(5))
        #expect(vector.next(in: RegionNumber(3), Incarnation(1)) == .zero)
    }
}
