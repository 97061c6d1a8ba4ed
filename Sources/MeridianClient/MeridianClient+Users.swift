// What a phone or a back end asks for a user. The user's session token goes along by itself, into whatever region
// answers, so that a user reads what the user wrote (S12).

import ClusterModel
import FoundationEssentials
public import MeridianProtocol
import Synchronization

extension MeridianClient {
    /// Reports what a user did: 1 to 512 events. Events without an id get one, and keep it over every retry, in whatever
    /// region. Returns once the durability asked for is reached. An event that an earlier attempt brought is answered
    /// `duplicate`: it counts once, and that is a success. When it throws with `isOutcomeUnknown`, report the same events
    /// with the same ids again (make them with `makeEventID`).
    ///
    /// `regions`: with durability `.remote`, how many other regions must have the events flushed.
    public func report(
        _ events: [Meridian_V1_Interaction], of user: String,
        durability: Meridian_V1_Durability.Level = .local, regions: Int = 1, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_ReportReply {
        let deadline = deadline(of: options)
        let unnamed = events.indices.filter { !events[$0].hasID }
        let wasCalibrated = state.withLock { $0.clock.isCalibrated }
        var request = Meridian_V1_ReportRequest()
        request.userID = user
        request.durability = Self.durability(durability, regions)
        request.events = events
        for index in unnamed { request.events[index].id = makeEventID() }
        let first = try await sendReport(request, options, deadline)
        // The first answer tells the server's time. Ids that were made from a wrong clock before it, and that this call
        // refused, were never in the log: those events get new ones, once. After a second attempt nobody knows that.
        guard !wasCalibrated, first.tries == 1 else { return first.reply }
        let refused = unnamed.filter { index in
            first.reply.results.indices.contains(index) && Self.isRefusedForTime(first.reply.results[index])
        }
        guard !refused.isEmpty else { return first.reply }
        return try await reportAgain(refused, request, first.reply, options, deadline)
    }

    /// The next items for a user. `requestID` is the seed of everything random in the slate; 0 lets the server choose.
    /// With `requiresSession` an answer that lacks the user's own writes is refused with `.failedPrecondition`, once no
    /// region has them; without it the answer says so (`sessionSatisfied`).
    public func nextContent(
        for user: String, count: Int = 10, context: Meridian_V1_RequestContext = Meridian_V1_RequestContext(),
        requestID: UInt64 = 0, requiresSession: Bool = false, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_NextContentReply {
        var request = Meridian_V1_NextContentRequest()
        request.userID = user
        request.count = UInt32(clamping: count)
        request.context = context
        request.requestID = requestID
        request.requireSession = requiresSession
        let (deadline, asked) = (deadline(of: options), request)
        return try await withSession(of: user, isWrite: false) { (token) throws(MeridianClientError) in
            var request = asked
            request.sessionToken = token
            let reply = try await self.perform(.nextContent, request, options, by: deadline).reply
            return (reply, reply.sessionToken)
        }
    }

    /// Writes the fields of `profile` that are there. `regions` as in `report`, `id` as in `erase`.
    public func setProfile(
        _ profile: Meridian_V1_Profile, of user: String, durability: Meridian_V1_Durability.Level = .local,
        regions: Int = 1, id: Meridian_V1_EventID? = nil, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_UserWriteReply {
        var request = Meridian_V1_UpdateProfileRequest()
        request.userID = user
        request.profile = profile
        request.durability = Self.durability(durability, regions)
        let (deadline, asked) = (deadline(of: options), request)
        return try await withEventID(id) { (id) throws(MeridianClientError) in
            try await self.withSession(of: user, isWrite: true) { (token) throws(MeridianClientError) in
                var request = asked
                request.id = id
                request.sessionToken = token
                let reply = try await self.perform(.updateProfile, request, options, by: deadline).reply
                return (reply, reply.sessionToken)
            }
        }
    }

    /// Forgets what a user did until the time of the id, in every region. `id`: one is made where none is given. When the
    /// call throws with `isOutcomeUnknown`, call again with the same id, from `makeEventID`: it then means what it meant the
    /// first time, whatever happened since.
    public func erase(
        _ user: String, id: Meridian_V1_EventID? = nil, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_UserWriteReply {
        let reply = try await withEventID(id) { (id) throws(MeridianClientError) in
            var request = Meridian_V1_EraseRequest()
            request.userID = user
            request.id = id
            request.durability.level = .local
            return try await self.call(.erase, request, options: options)
        }
        keep(reply.sessionToken, of: user)
        return reply
    }

    /// Grants or withdraws consent to personalisation. A grant cancels the withdrawals named, or those that the server
    /// knows when none is; never one that is newer than its id. `id` as in `erase`.
    public func setConsent(
        _ granted: Bool, of user: String, cancelling withdrawals: [Meridian_V1_EventID] = [],
        id: Meridian_V1_EventID? = nil, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_UserWriteReply {
        let reply = try await withEventID(id) { (id) throws(MeridianClientError) in
            var request = Meridian_V1_SetConsentRequest()
            request.userID = user
            request.id = id
            request.granted = granted
            request.cancels = withdrawals
            request.durability.level = .local
            return try await self.call(.setConsent, request, options: options)
        }
        keep(reply.sessionToken, of: user)
        return reply
    }

    // MARK: Sessions

    /// The user's session token as it stands, empty for none: to carry a session to another process.
    public func sessionToken(of user: String) -> [UInt8] { state.withLock { $0.sessions.token(of: user) } }

    /// Goes on with a session that another process carried here.
    public func continueSession(of user: String, token: [UInt8]) { keep(Data(token), of: user) }

    private func keep(_ token: Data, of user: String) {
        state.withLock { $0.sessions.onAnswer(Array(token), of: user) }
    }

    /// Sends with the user's token and keeps the new one. A token that the server refuses (another deployment, a key
    /// that is gone) is forgotten, and the call made once more without it.
    private func withSession<Reply>(
        of user: String, isWrite: Bool, _ send: (Data) async throws(MeridianClientError) -> (Reply, Data)
    ) async throws(MeridianClientError) -> Reply {
        let token = sessionToken(of: user)
        do throws(MeridianClientError) {
            let (reply, next) = try await send(Data(token))
            state.withLock { $0.sessions.onAnswer(Array(next), of: user, sentWith: token, isWrite: isWrite) }
            return reply
        } catch {
            guard !token.isEmpty, error.reason.contains("SESSION_TOKEN") else { throw error }
            state.withLock { $0.sessions.forget(user, token) }
            let (reply, next) = try await send(Data())
            keep(next, of: user)
            return reply
        }
    }

    // MARK: Reports

    private static func durability(_ level: Meridian_V1_Durability.Level, _ regions: Int) -> Meridian_V1_Durability {
        var durability = Meridian_V1_Durability()
        durability.level = level
        if level == .remote { durability.regions = UInt32(clamping: regions) }
        return durability
    }

    private func sendReport(
        _ request: Meridian_V1_ReportRequest, _ options: CallOptions, _ deadline: BootInstant
    ) async throws(MeridianClientError) -> (reply: Meridian_V1_ReportReply, tries: Int) {
        try await withSession(of: request.userID, isWrite: true) { (token) throws(MeridianClientError) in
            var request = request
            request.sessionToken = token
            let answer = try await self.perform(.report, request, options, by: deadline)
            self.countDuplicates(in: answer)
            return ((answer.reply, answer.tries), answer.reply.sessionToken)
        }
    }

    /// What a repeated attempt found there already.
    private func countDuplicates(in answer: CallAnswer<Meridian_V1_ReportReply>) {
        guard answer.tries > 1 else { return }
        let known = answer.reply.results.count { $0.outcome == .duplicate }
        state.withLock { $0.counts.duplicates += UInt64(known) }
    }

    private func reportAgain(
        _ refused: [Int], _ request: Meridian_V1_ReportRequest, _ first: Meridian_V1_ReportReply,
        _ options: CallOptions, _ deadline: BootInstant
    ) async throws(MeridianClientError) -> Meridian_V1_ReportReply {
        restartEventIDs()
        var again = request
        again.events = refused.map { index in
            var event = request.events[index]
            event.id = makeEventID()
            return event
        }
        var reply = try await sendReport(again, options, deadline).reply
        let late = reply.results
        reply.results = first.results
        for (place, index) in refused.enumerated() where late.indices.contains(place) {
            reply.results[index] = late[place]
        }
        return reply
    }

    private static func isRefusedForTime(_ result: Meridian_V1_EventResult) -> Bool {
        result.outcome == .refused && (result.code == "EVENT_ID_TOO_NEW" || result.code == "EVENT_ID_TOO_OLD")
    }
}
