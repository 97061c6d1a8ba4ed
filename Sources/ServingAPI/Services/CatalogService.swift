// The catalogue: written through this region's content log, read as this node has it.

import ClusterModel
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import SwiftProtobuf

/// meridian.v1.CatalogService.
struct CatalogService: Sendable {
    let edge: ServingEdge
    let content: any ContentRouting

    func publish(_ open: OpenCall) {
        guard open.message.readableBytes <= RequestBounds.requestBytes else { return open.refuse(.tooLarge) }
        open.serve(Meridian_V1_PublishRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty, request.id.unknownFields.data.isEmpty else {
                throw .unknownField(in: "PublishRequest")
            }
            guard RequestBounds.itemsPerCall.contains(request.items.count) else {
                throw .outOfBounds("items", "1 to 512")
            }
            var events: [ContentEvent] = []
            events.reserveCapacity(request.items.count)
            for (index, item) in request.items.enumerated() {
                events.append(.publish(try Self.item(item, at: index)))
            }
            try Self.checkDistinct(events) { "items[\($0)].content_id" }
            append(events, FieldReading.eventID(request.id, isPresent: request.hasID), open) { outcome in
                var reply = Meridian_V1_PublishReply()
                reply.published = UInt32(clamping: outcome.written)
                reply.duplicates = UInt32(clamping: outcome.duplicates)
                reply.id = Meridian_V1_EventID(outcome.id)
                reply.region = edge.region
                reply.serverTimeMs = edge.serverTime.milliseconds
                open.succeed(reply)
            }
        }
    }

    func withdraw(_ open: OpenCall) {
        open.serve(Meridian_V1_WithdrawRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty, request.id.unknownFields.data.isEmpty else {
                throw .unknownField(in: "WithdrawRequest")
            }
            guard RequestBounds.itemsPerCall.contains(request.contentIds.count) else {
                throw .outOfBounds("content_ids", "1 to 512")
            }
            var events: [ContentEvent] = []
            events.reserveCapacity(request.contentIds.count)
            for (index, id) in request.contentIds.enumerated() {
                do throws(ContentViolation) {
                    events.append(.withdraw(try ContentWithdrawal(id: id)))
                } catch {
                    throw .outOfBounds("content_ids[\(index)]", error.description)
                }
            }
            try Self.checkDistinct(events) { "content_ids[\($0)]" }
            append(events, FieldReading.eventID(request.id, isPresent: request.hasID), open) { outcome in
                var reply = Meridian_V1_WithdrawReply()
                reply.withdrawn = UInt32(clamping: outcome.written)
                reply.duplicates = UInt32(clamping: outcome.duplicates)
                reply.id = Meridian_V1_EventID(outcome.id)
                reply.region = edge.region
                reply.serverTimeMs = edge.serverTime.milliseconds
                open.succeed(reply)
            }
        }
    }

    func get(_ open: OpenCall) {
        open.serve(Meridian_V1_GetContentRequest.self) { request throws(Refusal) in
            let id = try FieldReading.contentID(request.contentID, "content_id")
            guard let item = content.catalogue().item(id: id) else {
                throw Refusal(.unknownContent, "this node knows no such item")
            }
            var reply = Meridian_V1_GetContentReply()
            reply.item = Meridian_V1_ContentItem(item)
            reply.region = edge.region
            reply.serverTimeMs = edge.serverTime.milliseconds
            open.succeed(reply)
        }
    }

    func list(_ open: OpenCall) {
        open.serve(Meridian_V1_ListContentRequest.self) { request throws(Refusal) in
            guard request.after.utf8.count <= RequestBounds.contentIDBytes.upperBound else {
                throw .outOfBounds("after", "at most 128 bytes")
            }
            guard RequestBounds.itemsPerCall.contains(Int(request.limit)) else {
                throw .outOfBounds("limit", "1 to 512")
            }
            var reply = Meridian_V1_ListContentReply()
            reply.items = content.catalogue().items(after: request.after, limit: Int(request.limit))
                .map(Meridian_V1_ContentItem.init)
            reply.region = edge.region
            reply.serverTimeMs = edge.serverTime.milliseconds
            open.succeed(reply)
        }
    }

    private func append(
        _ events: [ContentEvent], _ id: EventID?, _ open: OpenCall,
        _ succeed: @escaping @Sendable (PublishOutcome) -> Void
    ) {
        content.publish(events, id: id) { outcome in
            switch outcome {
            case .success(let outcome): succeed(outcome)
            case .failure(let error): open.refuse(Refusal(error, now: edge.clock.wallTime()))
            }
        }
    }

    /// All writes of a call have one id: of two to one register neither would be the later one (S3).
    private static func checkDistinct(_ events: [ContentEvent], _ field: (Int) -> String) throws(Refusal) {
        var named: Set<[UInt8]> = []
        for (index, event) in events.enumerated() where !named.insert(Array(event.contentID.utf8)).inserted {
            throw .outOfBounds(field(index), "named before in the same call")
        }
    }

    private static func item(_ message: Meridian_V1_ContentItem, at index: Int) throws(Refusal) -> ContentItem {
        guard message.unknownFields.data.isEmpty else { throw .unknownField(in: "items[\(index)]") }
        guard RequestBounds.ageRating.contains(message.ageRating) else {
            throw .outOfBounds("items[\(index)].age_rating", "0 to 99")
        }
        do throws(ContentViolation) {
            return try ContentItem(
                id: message.contentID, title: message.title, language: message.language, category: message.category,
                countries: message.countries, ageRating: UInt8(truncatingIfNeeded: message.ageRating),
                publishedAt: WallTime(milliseconds: message.publishedAtMs),
                expiresAt: message.expiresAtMs == 0 ? nil : WallTime(milliseconds: message.expiresAtMs))
        } catch {
            throw .outOfBounds("items[\(index)]", error.description)
        }
    }
}

extension Meridian_V1_ContentItem {
    fileprivate init(_ item: ContentItem) {
        self.init()
        contentID = item.id
        title = item.title
        language = item.language
        category = item.category
        countries = item.countries
        ageRating = UInt32(item.ageRating)
        publishedAtMs = item.publishedAt.milliseconds
        expiresAtMs = item.expiresAt?.milliseconds ?? 0
    }
}
