// Profile writes, erasure and consent (S9).

import ClusterModel
import GRPCFraming
import MergeableState
import MeridianProtocol
import Personalization
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct ProfileTests {
    private static let user = UserKey(userID: ServingFixture.user)

    static func update(
        _ change: (inout Meridian_V1_UpdateProfileRequest) -> Void = { $0.profile.language = "de" }
    ) -> Meridian_V1_UpdateProfileRequest {
        var request = Meridian_V1_UpdateProfileRequest()
        request.userID = ServingFixture.user
        change(&request)
        return request
    }

    private func written(_ fixture: ServingFixture) throws -> SubmittedEvent {
        try #require(fixture.shards.state.withLock { $0.reported.last?.events.first })
    }

    @Test func fieldsThatArePresentAreWritten() throws {
        let fixture = try ServingFixture()
        let request = Self.update {
            $0.id.time = 8
            $0.id.client = 9
            $0.profile.language = "de"
            $0.profile.country = ""
            $0.profile.maxAgeRating = 99
        }
        let reply = try fixture.reply(.updateProfile, request, Meridian_V1_UserWriteReply.self)
        let expected = ProfileEvent(user: Self.user, language: "de", country: "", maxAgeRating: 99)
        #expect(
            try written(fixture) == SubmittedEvent(id: EventID(time: 8, client: 9), event: .profile(expected)))
        #expect(reply.result.outcome == .applied && reply.region == 1 && !reply.sessionToken.isEmpty)
    }

    @Test(
        arguments: [
            BoundViolation("profile") { $0.clearProfile() },
            BoundViolation("profile.language") { $0.profile.language = "123" },
            BoundViolation("profile.country") { $0.profile.country = "d" },
            BoundViolation("profile.device_model") { $0.profile.deviceModel = String(repeating: "m", count: 65) },
            BoundViolation("profile.max_age_rating") { $0.profile.maxAgeRating = 100 },
            BoundViolation("user_id") { $0.userID = "" },
        ] as [BoundViolation<Meridian_V1_UpdateProfileRequest>])
    func everyBoundIsChecked(_ violation: BoundViolation<Meridian_V1_UpdateProfileRequest>) throws {
        let fixture = try ServingFixture()
        var request = Self.update()
        violation.change(&request)
        let failure = try fixture.failure(.updateProfile, request)
        #expect(failure.code == .invalidArgument && failure.metadata["field"] == violation.field)
        #expect(fixture.shards.state.withLock { $0.reported.isEmpty })
    }

    @Test func eraseIsLeftToTheShard() throws {
        let fixture = try ServingFixture()
        var request = Meridian_V1_EraseRequest()
        request.userID = ServingFixture.user
        _ = try fixture.reply(.erase, request, Meridian_V1_UserWriteReply.self)
        guard case .erase(let event) = try written(fixture).event else {
            Issue.record("no erase")
            return
        }
        #expect(event.user == Self.user)
    }

    /// H2: the refusal says what is full, and what helps; of a user's own event it is another one.
    @Test func anEraseOfAnUnknownUserIsRefusedByItsOwnReason() throws {
        let fixture = try ServingFixture()
        fixture.shards.state.withLock {
            $0.report = { events, _ in
                let results = events.map { EventResult(id: $0.id ?? EventID(time: 0, client: 0), outcome: .shardFull) }
                return .success(ReportOutcome(results: results, session: VersionVector(), reached: .local))
            }
        }
        var request = Meridian_V1_EraseRequest()
        request.userID = ServingFixture.user
        let erase = try fixture.failure(.erase, request)
        #expect(erase.code == .resourceExhausted && erase.reason == "SHARD_FULL" && erase.retryAfter != nil)
        #expect(erase.message.contains("nothing is known of this user here"))
        let update = try fixture.failure(.updateProfile, Self.update())
        #expect(update.reason == "SHARD_FULL" && update.message.contains("bound of users"))
    }

    /// S9: a grant cancels exactly what it names, at most 16 withdrawals.
    @Test func consentNamesItsWithdrawals() throws {
        let fixture = try ServingFixture()
        var request = Meridian_V1_SetConsentRequest()
        request.userID = ServingFixture.user
        _ = try fixture.reply(.setConsent, request, Meridian_V1_UserWriteReply.self)
        #expect(
            try written(fixture).event == .consent(ConsentEvent(user: Self.user, change: .withdrawal(replacing: []))))
        request.cancels = (0..<16).map { index in
            var id = Meridian_V1_EventID()
            id.time = UInt64(index)
            return id
        }
        #expect(try fixture.failure(.setConsent, request).metadata["field"] == "cancels")
        request.granted = true
        _ = try fixture.reply(.setConsent, request, Meridian_V1_UserWriteReply.self)
        let cancelled = (0..<16).map { EventID(time: UInt64($0), client: 0) }
        #expect(
            try written(fixture).event
                == .consent(ConsentEvent(user: Self.user, change: .grant(cancelling: cancelled))))
        request.id.time = 15
        #expect(try fixture.failure(.setConsent, request).metadata["field"] == "cancels", "not older than the grant")
        request.clearID()
        request.cancels.append(Meridian_V1_EventID())
        #expect(try fixture.failure(.setConsent, request).metadata["field"] == "cancels")
    }
}
