// Content for a user: the hot path of reads. No lock, no disk, no task: where the shard lives on the caller's loop, the
// answer leaves before the call returns.

import ClusterModel
import MergeableState
import MeridianProtocol
import NodeEnvironment
import Personalization
import SwiftProtobuf

/// meridian.v1.DeliveryService.
struct DeliveryService: Sendable {
    let edge: ServingEdge
    let shards: any ShardRouting

    /// Fields that this version does not know are ignored, unlike in writes: a client always gets content.
    func nextContent(_ open: OpenCall) {
        open.serve(Meridian_V1_NextContentRequest.self) { request throws(Refusal) in
            let (query, isUnopened) = try self.query(from: request)
            if isUnopened { edge.metrics.sessionUnopened() }
            let maxStaleness = request.maxStalenessMs
            shards.slate(query) { outcome in
                switch outcome {
                case .success(let slate):
                    self.answer(open, slate, to: query, maxStaleness: maxStaleness, isUnopened: isUnopened)
                case .failure(let error): open.refuse(Refusal(error, session: query.session, now: query.now))
                }
            }
        }
    }

    /// Whether the request has a session that cannot be opened here, too.
    private func query(
        from request: Meridian_V1_NextContentRequest
    ) throws(Refusal) -> (SlateQuery, isUnopened: Bool) {
        let user = try FieldReading.user(request.userID)
        let count = request.count == 0 ? RequestBounds.defaultSlateItems : Int(request.count)
        guard RequestBounds.slateItems.contains(count) else { throw .outOfBounds("count", "1 to 100; 0 means 10") }
        var query = SlateQuery(
            user: user, count: count, seed: request.requestID == 0 ? edge.entropy.next() : request.requestID,
            now: edge.clock.wallTime(), requireSession: request.requireSession)
        if request.hasContext { read(request.context, into: &query) }
        let opened = try edge.sessions.openForRead(
            request.sessionToken, partition: user.partition(of: shards.partitions), isDemanded: request.requireSession)
        query.session = opened.session
        return (query, opened.isUnopened)
    }

    /// What does not name a language, a country or a surface counts as absent, and is counted: whoever asks with a tag that
    /// this version cannot read still gets content.
    private func read(_ context: Meridian_V1_RequestContext, into query: inout SlateQuery) {
        if let surface = FieldReading.surface(context.surface) {
            query.surface = surface
        } else {
            edge.metrics.contextIgnored(.surface)
        }
        if let tag = LanguageTag(context.language) {
            query.language = tag.text
        } else if !context.language.isEmpty {
            edge.metrics.contextIgnored(.language)
        }
        if let country = FieldReading.country(context.country) {
            query.country = country
        } else if !context.country.isEmpty {
            edge.metrics.contextIgnored(.country)
        }
    }

    /// A session that could not be opened is not met, and the caller keeps its token: another region can open it.
    private func answer(
        _ open: OpenCall, _ slate: Slate, to query: SlateQuery, maxStaleness: UInt64, isUnopened: Bool
    ) {
        let staleness = query.now.milliseconds - min(query.now.milliseconds, slate.originTime.milliseconds)
        if let refusal = refusal(of: slate, to: query, staleness: staleness, maxStaleness: maxStaleness) {
            return open.refuse(refusal)
        }
        let session = edge.sessions.following(slate.session, applied: slate.applied)
        let reply = SlateReply(
            slate: slate, region: edge.identity.region, stalenessMilliseconds: staleness,
            sessionToken: isUnopened
                ? [] : edge.sessions.seal(session, partition: query.user.partition(of: shards.partitions)),
            isSessionUnopened: isUnopened, serverTime: edge.serverTime, seed: query.seed, keyring: edge.keys.ring)
        do throws(TokenError) {
            open.succeed(encoded: try reply.encoded())
        } catch {
            open.refuse(Refusal(.internalFault, "an item's token could not be made"))
        }
    }

    private func refusal(of slate: Slate, to query: SlateQuery, staleness: UInt64, maxStaleness: UInt64) -> Refusal? {
        // The shard refuses an unmet demand by itself; a slate that says so all the same must not slip through.
        if query.requireSession, let session = slate.session, !session.isSatisfied {
            guard session.tooOld.isEmpty else { return Refusal(.sessionTooOld, now: query.now) }
            return Refusal(.sessionNotSatisfied(applied: slate.applied), session: query.session, now: query.now)
        }
        guard maxStaleness > 0, staleness > maxStaleness else { return nil }
        return Refusal(
            .tooStale, "an origin's time is \(staleness) ms old here",
            metadata: [
                ("staleness_ms", String(staleness)), ("applied", Refusal.positions(slate.applied)),
                ("server_time_ms", String(query.now.milliseconds)),
            ])
    }
}
