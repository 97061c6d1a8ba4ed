// What a node promised of one event.

package import ClusterModel

/// An acknowledged event: how safe it was said to be, and where it stands.
package struct Acknowledgement: Hashable, Sendable {
    /// Durability as promised, not as asked for.
    package enum Promise: Hashable, Sendable {
        /// Flushed where it was accepted.
        case local
        /// Flushed in that many other regions too, 1 to 9.
        case remote(Int)
    }

    /// A record's place in an origin log of user events.
    package struct Place: Hashable, Sendable {
        package var log: LogIdentity
        package var offset: Offset

        package init(
            region: RegionNumber, partition: PartitionID, incarnation: Incarnation, offset: Offset
        ) {
            log = LogIdentity(
                name: LogName(region: region, topic: .userEvents, partition: partition), incarnation: incarnation)
            self.offset = offset
        }
    }

    package var id: EventID
    package var promise: Promise
    /// Nil for an event that was known already: the answer does not say where it stands.
    package var place: Place?

    package init(id: EventID, promise: Promise = .local, place: Place? = nil) {
        self.id = id
        self.promise = promise
        self.place = place
    }

    package var isRemote: Bool { if case .remote = promise { true } else { false } }
}

// MARK: One line of an acknowledgement file

extension Acknowledgement {
    static let lineLength = 80

    /// "<id> <k> <region> <partition> <incarnation> <offset>", hexadecimal, `k` the number of other regions; dashes for
    /// a place that is not known. `lineLength` bytes with the line's end.
    var line: String {
        let promised: Int
        if case .remote(let regions) = promise { promised = min(max(regions, 1), 9) } else { promised = 0 }
        let fields: [String]
        if let place {
            fields = [
                Self.hex(UInt64(place.log.name.region.rawValue), 4),
                Self.hex(UInt64(place.log.name.partition.rawValue), 4),
                Self.hex(place.log.incarnation.rawValue, 16), Self.hex(place.offset.rawValue, 16),
            ]
        } else {
            fields = [4, 4, 16, 16].map { String(repeating: "-", count: $0) }
        }
        return ([id.description, "\(promised)"] + fields).joined(separator: " ") + "\n"
    }

    /// Nil unless the text is what `line` makes, without the line's end.
    init?(line: Substring) {
        let fields = line.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.count == 6, let id = EventID(String(fields[0])), let promised = Int(fields[1]), promised >= 0
        else {
            return nil
        }
        self.init(id: id, promise: promised == 0 ? .local : .remote(promised))
        guard !fields[2].hasPrefix("-") else { return }
        guard let region = UInt16(fields[2], radix: 16), let partition = UInt32(fields[3], radix: 16),
            let incarnation = UInt64(fields[4], radix: 16), let offset = UInt64(fields[5], radix: 16)
        else { return nil }
        place = Place(
            region: RegionNumber(region), partition: PartitionID(partition), incarnation: Incarnation(incarnation),
            offset: Offset(offset))
    }

    private static func hex(_ value: UInt64, _ width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
