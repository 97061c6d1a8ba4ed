// Profile fields, erasure and consent (S9).

import ClusterModel
import MeridianProtocol
import Personalization
import SwiftProtobuf

/// meridian.v1.ProfileService.
struct ProfileService: Sendable {
    let writes: EventWrites

    private var edge: ServingEdge { writes.edge }

    func update(_ open: OpenCall) {
        open.serve(Meridian_V1_UpdateProfileRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty, request.profile.unknownFields.data.isEmpty,
                request.id.unknownFields.data.isEmpty
            else { throw .unknownField(in: "UpdateProfileRequest") }
            let user = try FieldReading.user(request.userID)
            let event = try Self.event(request.profile, of: user)
            let session = try edge.sessions.open(
                request.sessionToken, partition: user.partition(of: writes.shards.partitions))
            writes.write(
                .profile(event), id: FieldReading.eventID(request.id, isPresent: request.hasID), of: user,
                durability: try durability(request.durability, isPresent: request.hasDurability), session: session,
                answering: open)
        }
    }

    func erase(_ open: OpenCall) {
        open.serve(Meridian_V1_EraseRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty, request.id.unknownFields.data.isEmpty else {
                throw .unknownField(in: "EraseRequest")
            }
            let user = try FieldReading.user(request.userID)
            // The shard, which knows the id, sets the cut (S9).
            let event = EraseEvent(user: user, cut: WallTime(milliseconds: 0))
            writes.write(
                .erase(event), id: FieldReading.eventID(request.id, isPresent: request.hasID), of: user,
                durability: try durability(request.durability, isPresent: request.hasDurability), session: nil,
                answering: open)
        }
    }

    func setConsent(_ open: OpenCall) {
        open.serve(Meridian_V1_SetConsentRequest.self) { request throws(Refusal) in
            let ids = request.cancels + [request.id]
            guard request.unknownFields.data.isEmpty, ids.allSatisfy({ $0.unknownFields.data.isEmpty }) else {
                throw .unknownField(in: "SetConsentRequest")
            }
            let user = try FieldReading.user(request.userID)
            guard request.granted || request.cancels.isEmpty else {
                throw .outOfBounds("cancels", "only with a grant")
            }
            guard request.cancels.count <= RequestBounds.cancelledWithdrawals else {
                throw .outOfBounds("cancels", "at most \(RequestBounds.cancelledWithdrawals)")
            }
            let change: ConsentEvent.Change =
                request.granted
                ? .grant(cancelling: try Self.cancelled(by: request)) : .withdrawal(replacing: [])
            writes.write(
                .consent(ConsentEvent(user: user, change: change)),
                id: FieldReading.eventID(request.id, isPresent: request.hasID), of: user,
                durability: try durability(request.durability, isPresent: request.hasDurability), session: nil,
                answering: open)
        }
    }

    /// A grant cancels what is older than it: of a later withdrawal it cannot have known (S9).
    private static func cancelled(by request: Meridian_V1_SetConsentRequest) throws(Refusal) -> [EventID] {
        let cancelled = request.cancels.map { EventID(time: $0.time, client: $0.client) }
        guard let id = FieldReading.eventID(request.id, isPresent: request.hasID) else { return cancelled }
        guard cancelled.allSatisfy({ $0 < id }) else { throw .outOfBounds("cancels", "older than the grant's id") }
        return cancelled
    }

    private func durability(
        _ message: Meridian_V1_Durability, isPresent: Bool
    ) throws(Refusal) -> RequestedDurability {
        try FieldReading.durability(
            message, isPresent: isPresent, standard: .local, otherRegions: edge.identity.otherRegions)
    }

    private static func event(_ profile: Meridian_V1_Profile, of user: UserKey) throws(Refusal) -> ProfileEvent {
        var event = ProfileEvent(user: user)
        if profile.hasLanguage {
            event.language = try FieldReading.language(profile.language, "profile.language")?.text ?? ""
        }
        if profile.hasCountry { event.country = try FieldReading.country(profile.country, "profile.country") }
        if profile.hasDeviceModel {
            guard profile.deviceModel.utf8.count <= RequestBounds.deviceModelBytes else {
                throw .outOfBounds("profile.device_model", "at most \(RequestBounds.deviceModelBytes) bytes")
            }
            event.deviceModel = profile.deviceModel
        }
        if profile.hasMaxAgeRating {
            guard RequestBounds.ageRating.contains(profile.maxAgeRating) else {
                throw .outOfBounds("profile.max_age_rating", "0 to 99")
            }
            event.maxAgeRating = UInt8(truncatingIfNeeded: profile.maxAgeRating)
        }
        guard event != ProfileEvent(user: user) else { throw .outOfBounds("profile", "at least one field") }
        return event
    }
}
