// What many users did, as this node knows it: read from the popularity snapshot, which is at most a second old.

import ClusterModel
import MeridianProtocol
import NodeEnvironment
import Personalization

/// meridian.v1.InsightService.
struct InsightService: Sendable {
    let edge: ServingEdge
    let content: any ContentRouting

    private static let countedWindow =
        UInt64(StateLimits.popularityBuckets) * StateLimits.popularityBucket.wholeMilliseconds

    func popular(_ open: OpenCall) {
        open.serve(Meridian_V1_PopularRequest.self) { request throws(Refusal) in
            guard RequestBounds.itemsPerCall.contains(Int(request.limit)) else {
                throw .outOfBounds("limit", "1 to 512")
            }
            let language = try FieldReading.language(request.language, "language")
            let halfLife = Self.halfLife(of: request.windowMs)
            let catalogue = content.catalogue()
            let code = language.map { catalogue.language(nearest: $0) }
            let top = content.popularity().top(Int(request.limit), halfLife, language: code)
            var reply = Meridian_V1_PopularReply()
            reply.items = top.compactMap { entry in
                catalogue.item(entry.content).map { Meridian_V1_ContentCounts(id: $0.id, entry.counts) }
            }
            reply.region = edge.region
            reply.serverTimeMs = edge.serverTime.milliseconds
            open.succeed(reply)
        }
    }

    func contentStats(_ open: OpenCall) {
        open.serve(Meridian_V1_ContentStatsRequest.self) { request throws(Refusal) in
            guard RequestBounds.itemsPerCall.contains(request.contentIds.count) else {
                throw .outOfBounds("content_ids", "1 to 512")
            }
            guard request.windowMs == 0 || request.windowMs == Self.countedWindow else {
                throw .outOfBounds("window_ms", "0 or \(Self.countedWindow)")
            }
            let popularity = content.popularity()
            var reply = Meridian_V1_ContentStatsReply()
            reply.items.reserveCapacity(request.contentIds.count)
            for (index, id) in request.contentIds.enumerated() {
                let id = try FieldReading.contentID(id, "content_ids[\(index)]")
                let counts = popularity.counts(of: ContentKey(contentID: id))
                reply.items.append(Meridian_V1_ContentCounts(id: id, counts ?? PopularityPartial.Counts()))
            }
            reply.region = edge.region
            reply.serverTimeMs = edge.serverTime.milliseconds
            open.succeed(reply)
        }
    }

    /// The longest half-life that is not above the window; a day for none.
    static func halfLife(of windowMilliseconds: UInt64) -> PopularityHalfLife {
        guard windowMilliseconds > 0 else { return .oneDay }
        return PopularityHalfLife.allCases.last { UInt64($0.hours) * 3_600_000 <= windowMilliseconds } ?? .oneHour
    }
}

extension Meridian_V1_ContentCounts {
    fileprivate init(id: String, _ counts: PopularityPartial.Counts) {
        self.init()
        contentID = id
        impressions = UInt64(clamping: counts.impressions)
        clicks = UInt64(clamping: counts.clicks)
    }
}
