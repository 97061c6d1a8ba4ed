// Values of the domain as the wire has them.

import ClusterModel
package import MergeableState
package import MeridianProtocol
import Personalization

extension Meridian_V1_VectorEntry {
    package init(_ entry: VersionVector.Entry) {
        self.init()
        region = UInt32(entry.region.rawValue)
        incarnation = entry.incarnation.rawValue
        next = entry.next.rawValue
    }
}

extension Meridian_V1_EventID {
    init(_ id: EventID) {
        self.init()
        time = id.time
        client = id.client
    }
}

extension Meridian_V1_Position {
    init(_ position: LogPosition) {
        self.init()
        region = UInt32(position.log.name.region.rawValue)
        topic = UInt32(position.log.name.topic.rawValue)
        partition = position.log.name.partition.rawValue
        incarnation = position.log.incarnation.rawValue
        epoch = position.epoch.rawValue
        offset = position.offset.rawValue
    }
}

extension Meridian_V1_Durability {
    init(_ durability: RequestedDurability) {
        self.init()
        switch durability {
        case .buffered: level = .buffered
        case .local: level = .local
        case .remote(let count):
            level = .remote
            regions = UInt32(clamping: count)
        }
    }
}

extension Meridian_V1_EventResult {
    /// An event that the door refused.
    init(refused refusal: EventRefusal, id: EventID?) {
        self.init()
        outcome = .refused
        code = refusal.rawValue
        if let id { self.id = Meridian_V1_EventID(id) }
    }

    /// An event that the shard dealt with.
    init(_ result: EventResult, durability reached: RequestedDurability) {
        self.init()
        id = Meridian_V1_EventID(result.id)
        switch result.outcome {
        case .applied(let place):
            outcome = .applied
            position = Meridian_V1_Position(place)
            durability = Meridian_V1_Durability(reached)
        case .duplicate:
            outcome = .duplicate
            durability = Meridian_V1_Durability(reached)
        case .refused, .shardFull:
            outcome = .refused
            code = result.refusal?.rawValue ?? ""
        }
    }
}

extension EventResult {
    /// Why the shard refused; nil for an event that stands.
    var refusal: EventRefusal? {
        switch outcome {
        case .applied, .duplicate: nil
        // The shard names `admitted` only for events that it appends.
        case .refused(.tooOld), .refused(.admitted): .idTooOld
        case .refused(.tooNew): .idTooNew
        case .shardFull: .shardFull
        }
    }
}

extension Digest128 {
    /// The 16 bytes, big-endian.
    var bytes: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 16)
        writer.write(self)
        return writer.bytes
    }
}
