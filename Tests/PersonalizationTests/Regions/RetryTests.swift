// FAULTS 3.6, S9: every write, repeated after its acknowledgement was lost, means what the first attempt meant, once.

import ClusterModel
import EventLog
import MergeableState
import Testing

@testable import Personalization

/// One kind of write.
enum RepeatedWrite: String, CaseIterable, Sendable {
    case profile, interaction, beacon, grant, withdrawal, erase, publish, withdraw

    /// Nil for a write of content.
    func event(_ user: UserKey, at time: WallTime) -> UserEvent? {
        switch self {
        case .profile: .profile(ProfileEvent(user: user, language: "en", country: "DE"))
        case .interaction:
            .interaction(
                InteractionEvent(
                    user: user, kind: .click, contentID: "first",
                    attributes: ItemAttributes(category: 7, language: "en"), occurredAt: time))
        case .beacon: .beacon(BeaconEvent(user: user, kind: .unlock, surface: .feed, occurredAt: time))
        case .grant: .consent(ConsentEvent(user: user, change: .grant(cancelling: [])))
        case .withdrawal: .consent(ConsentEvent(user: user, change: .withdrawal(replacing: [])))
        case .erase: .erase(EraseEvent(user: user, cut: WallTime(milliseconds: 0)))
        case .publish, .withdraw: nil
        }
    }
}

/// When and where a write is repeated.
enum Repetition: String, CaseIterable, Sendable {
    case atOnce, afterOthersWrote, afterR, inAnotherRegion, inARegionThatWasCutOff, afterARestart,
        afterOthersAndARestart
}

@Suite struct RetryTests {
    /// What two regions hold once they have met.
    struct Outcome: Hashable {
        var users: [UserState?]
        var clicks: [UInt64]
        var catalogues: [Digest128]
    }

    @Test("A repeated write means what its first attempt meant", arguments: RepeatedWrite.allCases, Repetition.allCases)
    func aRepeatedWriteMeansWhatItMeant(write: RepeatedWrite, when: Repetition) async throws {
        let once = try await Self.play(write, when, isRepeated: false)
        let again = try await Self.play(write, when)
        #expect(again == once)
        #expect(Set(again.users).count == 1 && Set(again.catalogues).count == 1)
    }

    /// Both regions know a user; the first takes the write; ten seconds later others write.
    private static func play(
        _ write: RepeatedWrite, _ when: Repetition, isRepeated: Bool = true
    ) async throws -> Outcome {
        let loop = QueueLoop()
        func again(_ moment: Repetition, in region: TestRegion, _ id: EventID, isTooOld: Bool = false) throws {
            if isRepeated, when == moment { try perform(write, id, in: region, isTooOld: isTooOld) }
        }
        var (a, b) = try await TwoRegionTests.pair(loop)
        send(.consent(ConsentEvent(user: TestRegion.user, change: .withdrawal(replacing: []))), 1, in: a)
        try TwoRegionTests.heal([a, b])
        loop.advance(by: .seconds(1))
        let id = EventID(at: loop.wallTime(), sequence: 0, client: 2)
        try perform(write, id, in: a)
        try again(.atOnce, in: a, id)
        try again(.inARegionThatWasCutOff, in: b, id)
        try TwoRegionTests.heal([a, b])
        loop.advance(by: .seconds(10))
        if when == .afterARestart { a = try await restarted(a, with: b, loop) }
        try again(.afterARestart, in: a, id)
        try others(in: a)
        try again(.afterOthersWrote, in: a, id)
        try TwoRegionTests.heal([a, b])
        try again(.inAnotherRegion, in: b, id)
        if when == .afterOthersAndARestart { a = try await restarted(a, with: b, loop) }
        try again(.afterOthersAndARestart, in: a, id)
        loop.advance(by: .seconds(700))
        try again(.afterR, in: a, id, isTooOld: true)
        try TwoRegionTests.heal([a, b])
        return Outcome(
            users: [a, b].map { region in region.ask { $0.state.user(TestRegion.user) } },
            clicks: [a, b].flatMap { [$0.clicks(on: "first"), $0.clicks(on: "second")] },
            catalogues: [a, b].map { region in region.askContent { $0.state.catalogue.digest } })
    }

    private static func restarted(_ a: TestRegion, with b: TestRegion, _ loop: QueueLoop) async throws -> TestRegion {
        let anew = try await TestRegion(1, disk: a.disk, loop: loop)
        try TwoRegionTests.heal([anew, b])
        try anew.agree(with: [anew, b])
        return anew
    }

    private static func perform(
        _ write: RepeatedWrite, _ id: EventID, in region: TestRegion, isTooOld: Bool = false
    ) throws {
        guard let event = write.event(TestRegion.user, at: id.wallTime) else {
            let item = try ContentSamples.item("first")
            return content(
                write == .publish ? .publish(item) : .withdraw(try ContentWithdrawal(id: "first")), id, in: region,
                isTooOld: isTooOld)
        }
        let result = region.send([SubmittedEvent(id: id, event: event)]).value?.results.first
        #expect((result?.outcome == .refused(.tooOld)) == isTooOld)
    }

    private static func content(_ event: ContentEvent, _ id: EventID, in region: TestRegion, isTooOld: Bool = false) {
        region.onContent { content in
            content.publish([event], id: id) { outcome in
                switch outcome {
                case .success(let outcome): #expect(outcome.id == id && !isTooOld)
                case .failure(let error): #expect(error == .idRefused(.tooOld) && isTooOld)
                }
            }
        }
    }

    private static func send(_ event: UserEvent, _ client: UInt64, in region: TestRegion) {
        let id = EventID(at: region.loop.wallTime(), sequence: 0, client: client)
        #expect(region.send([SubmittedEvent(id: id, event: event)]).value != nil)
    }

    /// What comes after the first attempt, and must stand.
    private static func others(in region: TestRegion) throws {
        let user = TestRegion.user
        send(.profile(ProfileEvent(user: user, language: "pt", country: "BR")), 11, in: region)
        send(.consent(ConsentEvent(user: user, change: .withdrawal(replacing: []))), 12, in: region)
        region.send([region.click("second", client: 13)])
        let newer = try ContentItem(id: "first", title: "newer", publishedAt: region.loop.wallTime())
        content(
            .publish(newer), EventID(at: region.loop.wallTime(), sequence: 0, client: 14), in: region)
    }

    /// HISTORIES 31 by name: w stands after a retry of g, and an erase that is retried covers nothing that came later.
    @Test func aRetriedGrantLeavesLaterWithdrawalsAndARetriedEraseLaterEvents() async throws {
        for write in [RepeatedWrite.grant, .erase] {
            let outcome = try await Self.play(write, .afterOthersWrote)
            #expect(outcome.users[0]?.allowsPersonalization == false)
            #expect(outcome.users[0]?.actions.entries.count == 1)
        }
    }

    /// S3: a write to the catalogue without an id takes the place of one whose id lies ahead of this clock.
    @Test func contentWithoutAnIDStandsAboveWhatItReplaces() async throws {
        let loop = QueueLoop()
        let region = try await TestRegion(1, of: [1], loop: loop)
        let ahead = EventID(at: loop.wallTime().advanced(by: .seconds(4)), sequence: 0, client: .max)
        Self.content(.publish(try ContentSamples.item("first")), ahead, in: region)
        #expect(region.askContent { $0.state.catalogue.liveCount } == 1)
        let withdrawal = ContentEvent.withdraw(try ContentWithdrawal(id: "first"))
        region.onContent { content in
            content.publish([withdrawal], id: nil) { outcome in #expect((try? outcome.get())?.duplicates == 0) }
        }
        #expect(region.askContent { $0.state.catalogue.liveCount } == 0)
    }

    /// FAULTS 3.8, S9: three thousand changes of consent by one user leave its reads as they were.
    @Test func manyChangesOfConsentLeaveAUserSmall() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, of: [1], loop: loop)
        for number in 0..<3_000 as Range<UInt64> {
            let change: ConsentEvent.Change = number % 3 == 0 ? .grant(cancelling: []) : .withdrawal(replacing: [])
            Self.send(.consent(ConsentEvent(user: TestRegion.user, change: change)), number, in: a)
            if number % 8 == 0 { loop.advance(by: .milliseconds(1)) }
        }
        let state = try #require(a.ask { $0.state.user(TestRegion.user) })
        var writer = ByteWriter()
        state.encode(into: &writer, for: .snapshot)
        #expect(writer.count < 3_000)
        #expect(state.consent.openWithdrawals.count <= ConsentState.maxKnown)
    }
}
