// The names of logs and of places in them (S1).

/// A region's number from the topology: stable, unique, never used again for another region.
package struct RegionNumber: Hashable, Comparable, Sendable {
    package let rawValue: UInt16

    package init(_ rawValue: UInt16) { self.rawValue = rawValue }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// A kind of log. User events have one log per partition; content and models have one small log per region.
package struct TopicID: Hashable, Comparable, Sendable {
    package let rawValue: UInt16

    package init(_ rawValue: UInt16) { self.rawValue = rawValue }

    package static let userEvents = TopicID(1)
    package static let content = TopicID(2)
    package static let models = TopicID(3)

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// A partition of users; the unit of ordering, placement and ownership. Below `PartitionCount.maximum`.
package struct PartitionID: Hashable, Comparable, Sendable {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// One life of an origin log, from a start to the next. Its number is a wall clock with random low bits (S1), so that it
/// grows from start to start and two starts on copies of one disk differ.
package struct Incarnation: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// The 48 bits of milliseconds of `now` above 16 bits of `entropy`.
    package init(startedAt now: WallTime, entropy: UInt64) {
        rawValue = (now.milliseconds & WallTime.mask) << 16 | entropy & 0xffff
    }

    /// The number after this one; nil behind the last that there is, which no clock reaches.
    package var next: Incarnation? { rawValue == .max ? nil : Incarnation(rawValue &+ 1) }

    /// The wall clock that the number was made from.
    package var startedAt: WallTime { WallTime(milliseconds: rawValue >> 16) }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// The writer's fence inside one incarnation (S1): grows with each ownership, an older epoch is refused.
package struct Epoch: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// A count of records from the start of an incarnation: dense, from zero, never used twice.
package struct Offset: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static let zero = Offset(0)

    /// The offset `count` records on, the last one where that lies beyond: a header of malice may come near it, no disk does.
    /// A negative count moves nothing.
    package func advanced(by count: Int) -> Offset { Offset(rawValue.adding(clamping: UInt64(clamping: count))) }

    /// The records from `earlier` up to here; none where `earlier` lies behind.
    package func distance(from earlier: Offset) -> UInt64 { rawValue.subtracting(clamping: earlier.rawValue) }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// An origin's log of one partition, across its incarnations.
package struct LogName: Hashable, Comparable, Sendable {
    package var region: RegionNumber
    package var topic: TopicID
    package var partition: PartitionID

    package init(region: RegionNumber, topic: TopicID, partition: PartitionID) {
        self.region = region
        self.topic = topic
        self.partition = partition
    }

    package static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.region, lhs.topic, lhs.partition) < (rhs.region, rhs.topic, rhs.partition)
    }

    /// In one piece: tables of logs are asked for every position of every pull.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(
            UInt64(region.rawValue) << 48 | UInt64(topic.rawValue) << 32 | UInt64(partition.rawValue))
    }
}

/// (origin region, topic, partition, incarnation): what an offset belongs to (S1).
package struct LogIdentity: Hashable, Comparable, Sendable {
    package var name: LogName
    package var incarnation: Incarnation

    package init(name: LogName, incarnation: Incarnation) {
        self.name = name
        self.incarnation = incarnation
    }

    package static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.name, lhs.incarnation) < (rhs.name, rhs.incarnation)
    }
}

/// Where one record stands: its log, the writer's epoch, its offset.
package struct LogPosition: Hashable, Sendable {
    package var log: LogIdentity
    package var epoch: Epoch
    package var offset: Offset

    package init(log: LogIdentity, epoch: Epoch, offset: Offset) {
        self.log = log
        self.epoch = epoch
        self.offset = offset
    }
}

extension LogIdentity: CustomStringConvertible {
    /// `region/topic/partition@incarnation`, the incarnation in hexadecimal.
    package var description: String { "\(name)@\(String(incarnation.rawValue, radix: 16))" }
}

extension LogName: CustomStringConvertible {
    package var description: String { "\(region.rawValue)/\(topic.rawValue)/\(partition.rawValue)" }
}
