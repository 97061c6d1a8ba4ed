// Content for a user: the hot path of reads. No lock, no disk, no task: where the shard lives on the caller's loop, the
// answer leaves before the call returns.

import ClusterModel
import MergeableState
import MeridianProtocol
import NodeEnvironment
import Personalization
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// meridian.v1.DeliveryService.
struct DeliveryService: Sendable {
    let edge: ServingEdge
    let shards: any ShardRouting

    /// Fields that this version does not know are ignored, unlike in writes: a client always gets content.
    func nextContent(_ open: OpenCall) {
        open.serve(Meridian_V1_NextContentRequest.self) { request throws(Refusal) in
            let query = try self.query(from: request)
            let maxStaleness = request.maxStalenessMs
            shards.slate(query) { outcome in
                switch outcome {
                case .success(let slate): self.answer(open, slate, to: query, maxStaleness: maxStaleness)
                case .failure(let error): open.refuse(Refusal(error, session: query.session, now: query.now))
                }
            }
        }
    }

    private func query(from request: Meridian_V1_NextContentRequest) throws(Refusal) -> SlateQuery {
        let user = try FieldReading.user(request.userID)
        let count = request.count == 0 ? RequestBounds.defaultSlateItems : Int(request.count)
        guard RequestBounds.slateItems.contains(count) else { throw .outOfBounds("count", "1 to 100; 0 means 10") }
        var query = SlateQuery(
            user: user, count: count, seed: request.requestID == 0 ? edge.entropy.next() : request.requestID,
            now: edge.clock.wallTime(), requireSession: request.requireSession)
        if request.hasContext {
            let context = request.context
            query.surface = try FieldReading.surface(context.surface, "context.surface")
            let language = try FieldReading.language(context.language, "context.language")
            let country = try FieldReading.country(context.country, "context.country")
            query.language = language.isEmpty ? nil : language
            query.country = country.isEmpty ? nil : country
        }
        if !request.sessionToken.isEmpty {
            query.session = try edge.sessions.open(
                request.sessionToken, partition: user.partition(of: shards.partitions))
        }
        return query
    }

    private func answer(_ open: OpenCall, _ slate: Slate, to query: SlateQuery, maxStaleness: UInt64) {
        let staleness = query.now.milliseconds - min(query.now.milliseconds, slate.originTime.milliseconds)
        if let refusal = refusal(of: slate, to: query, staleness: staleness, maxStaleness: maxStaleness) {
            return open.refuse(refusal)
        }
        do throws(TokenError) {
            open.succeed(try reply(slate, to: query, staleness: staleness))
        } catch {
            open.refuse(Refusal(.internalFault, "an item's token could not be made"))
        }
    }

    private func refusal(of slate: Slate, to query: SlateQuery, staleness: UInt64, maxStaleness: UInt64) -> Refusal? {
        // The shard refuses an unmet demand by itself; a slate that says so all the same must not slip through.
        if query.requireSession, slate.sessionSatisfied == false {
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

    private func reply(
        _ slate: Slate, to query: SlateQuery, staleness: UInt64
    ) throws(TokenError) -> Meridian_V1_NextContentReply {
        var reply = Meridian_V1_NextContentReply()
        reply.slateID = Data(slate.id.bytes)
        reply.items.reserveCapacity(slate.items.count)
        for item in slate.items { reply.items.append(try suggestion(item)) }
        reply.tier = Meridian_V1_NextContentReply.Tier(slate.tier)
        reply.region = edge.region
        reply.applied = slate.applied.entries.map(Meridian_V1_VectorEntry.init)
        reply.stalenessMs = staleness
        reply.modelVersion = slate.modelVersion
        let session = edge.sessions.following(
            query.session, isSatisfied: slate.sessionSatisfied == true, lostTail: slate.lostTail,
            applied: slate.applied)
        reply.sessionToken = Data(
            edge.sessions.seal(session, partition: query.user.partition(of: shards.partitions)))
        if let satisfied = slate.sessionSatisfied { reply.sessionSatisfied = satisfied }
        reply.lostTail = slate.lostTail
        reply.serverTimeMs = query.now.milliseconds
        reply.requestID = query.seed
        return reply
    }

    private func suggestion(_ item: Slate.Item) throws(TokenError) -> Meridian_V1_ContentSuggestion {
        var suggestion = Meridian_V1_ContentSuggestion()
        suggestion.contentID = item.contentID
        suggestion.itemToken = Data(
            try ItemToken(
                contentID: item.contentID, category: item.attributes.category, language: item.attributes.language
            ).sealed(with: edge.keyring))
        suggestion.slot = UInt32(item.slot)
        suggestion.propensity = item.propensity
        suggestion.reason = Meridian_V1_ContentSuggestion.Reason(item.reason)
        return suggestion
    }
}

extension Meridian_V1_NextContentReply.Tier {
    fileprivate init(_ tier: ServingTier) {
        switch tier {
        case .personal: self = .personal
        case .cohort: self = .cohort
        case .popular: self = .popular
        case .static: self = .static
        }
    }
}

extension Meridian_V1_ContentSuggestion.Reason {
    fileprivate init(_ reason: Slate.Item.Reason) {
        switch reason {
        case .affinity: self = .affinity
        case .popularity: self = .popularity
        case .recency: self = .recency
        case .exploration: self = .exploration
        }
    }
}
