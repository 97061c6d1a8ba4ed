// Interactions and beacons, as the door judges them (S3, S4). Bounds refuse the call, because a caller that breaks them
// has a defect; tokens and unknown fields refuse the event, because they depend on what the caller was given.

import ClusterModel
import MeridianProtocol
import Personalization
import SwiftProtobuf

/// What the door says of one event.
enum DoorVerdict {
    case submitted(SubmittedEvent)
    case refused(EventRefusal, id: EventID?)
}

struct InteractionReading: Sendable {
    let keyring: TokenKeyring

    func read(
        _ message: Meridian_V1_Interaction, at index: Int, of user: UserKey
    ) throws(Refusal) -> DoorVerdict {
        let id = FieldReading.eventID(message.id, isPresent: message.hasID)
        guard message.unknownFields.data.isEmpty, message.id.unknownFields.data.isEmpty else {
            return .refused(.unknownField, id: id)
        }
        let kind = try Self.kind(message.kind, at: index)
        guard message.slot <= RequestBounds.slot else {
            throw .outOfBounds("events[\(index)].slot", "at most \(RequestBounds.slot)")
        }
        guard message.watchMs == 0 || kind == .watch else {
            throw .outOfBounds("events[\(index)].watch_ms", "only with WATCH")
        }
        var event = InteractionEvent(
            user: user, kind: kind,
            contentID: try FieldReading.contentID(message.contentID, "events[\(index)].content_id"),
            slate: try FieldReading.slate(message.slateID, "events[\(index)].slate_id"),
            slot: UInt16(truncatingIfNeeded: message.slot),
            surface: try FieldReading.surface(message.surface, "events[\(index)].surface"),
            watchMilliseconds: message.watchMs,
            occurredAt: try FieldReading.time(message.occurredAtMs, "events[\(index)].occurred_at_ms"))
        if !message.itemToken.isEmpty {
            guard message.itemToken.count <= RequestBounds.itemTokenBytes else {
                throw .outOfBounds("events[\(index)].item_token", "at most \(RequestBounds.itemTokenBytes) bytes")
            }
            switch attributes(in: Array(message.itemToken), of: event.contentID) {
            case .success(let attributes): event.attributes = attributes
            case .failure(let refusal): return .refused(refusal, id: id)
            }
        }
        return .submitted(SubmittedEvent(id: id, event: .interaction(event)))
    }

    /// S3: the door verifies, and never strips or adds.
    private func attributes(in token: [UInt8], of contentID: String) -> Result<ItemAttributes, EventRefusal> {
        do throws(TokenError) {
            let item = try ItemToken(opening: token, with: keyring)
            guard item.contentID == contentID else { return .failure(.itemTokenForeignItem) }
            return .success(ItemAttributes(category: item.category, language: item.language))
        } catch {
            return .failure(error.isRetryable ? .itemTokenKeyUnknown : .itemTokenInvalid)
        }
    }

    func read(_ message: Meridian_V1_Beacon, at index: Int, of user: UserKey) throws(Refusal) -> DoorVerdict {
        let id = FieldReading.eventID(message.id, isPresent: message.hasID)
        guard message.unknownFields.data.isEmpty, message.id.unknownFields.data.isEmpty else {
            return .refused(.unknownField, id: id)
        }
        let kind: BeaconEvent.Kind
        switch message.kind {
        case .unlock: kind = .unlock
        case .sessionStart: kind = .sessionStart
        case .sessionEnd: kind = .sessionEnd
        case .unspecified, .UNRECOGNIZED: throw .outOfBounds("beacons[\(index)].kind", "a kind of this version")
        }
        let event = BeaconEvent(
            user: user, kind: kind, surface: try FieldReading.surface(message.surface, "beacons[\(index)].surface"),
            occurredAt: try FieldReading.time(message.occurredAtMs, "beacons[\(index)].occurred_at_ms"))
        return .submitted(SubmittedEvent(id: id, event: .beacon(event)))
    }

    private static func kind(_ kind: Meridian_V1_Interaction.Kind, at index: Int) throws(Refusal) -> InteractionKind {
        switch kind {
        case .impression: .impression
        case .click: .click
        case .like: .like
        case .share: .share
        case .bookmark: .bookmark
        case .comment: .comment
        case .follow: .follow
        case .dismiss: .dismiss
        case .watch: .watch
        case .unspecified, .UNRECOGNIZED: throw .outOfBounds("events[\(index)].kind", "a kind of this version")
        }
    }
}

extension EventRefusal: Error {}
