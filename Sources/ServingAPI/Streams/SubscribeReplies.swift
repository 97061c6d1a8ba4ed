// Effects as the wire has them.

import ClusterModel
import MergeableState
import MeridianProtocol
import Personalization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension Meridian_V1_SubscribeReply.Effect {
    init(_ effect: Effect) {
        self.init()
        id = Meridian_V1_EventID(effect.key.id)
        bodyDigest = effect.key.bodyDigest
        stampMs = effect.stamp.wallTime.milliseconds
        userKey = Data(effect.event.user.digest.bytes)
        var place = Meridian_V1_Position()
        place.region = UInt32(effect.region.rawValue)
        place.topic = UInt32(TopicID.userEvents.rawValue)
        place.partition = effect.partition.rawValue
        place.incarnation = effect.incarnation.rawValue
        place.offset = effect.offset.rawValue
        position = place
        switch effect.event {
        case .interaction(let event): interaction = Meridian_V1_Interaction(event)
        case .profile(let event): profile = Meridian_V1_Profile(event)
        case .consent(let event): consent = Meridian_V1_ConsentChange(event)
        case .erase(let event): erasure.untilMs = event.cut.milliseconds
        case .beacon(let event): beacon = Meridian_V1_Beacon(event)
        // Has no effect, hence does not come here.
        case .served: break
        }
    }
}

extension Meridian_V1_Interaction {
    fileprivate init(_ event: InteractionEvent) {
        self.init()
        // Kinds have the numbers that the wire gives them.
        kind = Kind(rawValue: Int(event.kind.rawValue)) ?? .unspecified
        contentID = event.contentID
        occurredAtMs = event.occurredAt.milliseconds
        slot = UInt32(event.slot)
        if event.slate != .zero { slateID = Data(event.slate.bytes) }
        watchMs = event.watchMilliseconds
        surface = Meridian_V1_Surface(rawValue: Int(event.surface.rawValue)) ?? .unspecified
    }
}

extension Meridian_V1_Profile {
    fileprivate init(_ event: ProfileEvent) {
        self.init()
        if let value = event.language { language = value }
        if let value = event.country { country = value }
        if let value = event.deviceModel { deviceModel = value }
        if let value = event.maxAgeRating { maxAgeRating = UInt32(value) }
    }
}

extension Meridian_V1_ConsentChange {
    fileprivate init(_ event: ConsentEvent) {
        self.init()
        switch event.change {
        case .withdrawal: granted = false
        case .grant(let cancelling):
            granted = true
            cancels = cancelling.map { Meridian_V1_EventID($0) }
        }
    }
}

extension Meridian_V1_Beacon {
    fileprivate init(_ event: BeaconEvent) {
        self.init()
        kind = Kind(rawValue: Int(event.kind.rawValue)) ?? .unspecified
        surface = Meridian_V1_Surface(rawValue: Int(event.surface.rawValue)) ?? .unspecified
        occurredAtMs = event.occurredAt.milliseconds
    }
}
