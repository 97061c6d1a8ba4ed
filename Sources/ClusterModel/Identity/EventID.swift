// The identity of an event (S4).

/// (time, sequence, client): server-calibrated milliseconds at first send, a sequence within the millisecond, and the
/// client that made it. A retry keeps it; together with the body's digest it is the key of "once" (S5).
///
/// Text form: 16 hexadecimal digits of `time` (48-bit milliseconds over 16-bit sequence), "-", 16 of `client`.
package struct EventID: Hashable, Comparable, Sendable {
    /// 48-bit milliseconds since 1970 over a 16-bit sequence.
    package let time: UInt64
    package let client: UInt64

    package init(time: UInt64, client: UInt64) {
        self.time = time
        self.client = client
    }

    package init(at time: WallTime, sequence: UInt16, client: UInt64) {
        self.init(time: (time.milliseconds & WallTime.mask) << 16 | UInt64(sequence), client: client)
    }

    package var wallTime: WallTime { WallTime(milliseconds: time >> 16) }
    package var sequence: UInt16 { UInt16(truncatingIfNeeded: time) }

    /// This one, or one of the same client with the next time above `other` where it does not stand above it already. At the end
    /// of all times it stays as it is.
    package func above(_ other: EventID) -> EventID {
        guard self <= other, other.time < .max else { return self }
        return EventID(time: other.time + 1, client: client)
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { (lhs.time, lhs.client) < (rhs.time, rhs.client) }
}

extension EventID: LosslessStringConvertible {
    /// Nil unless the text is exactly 16 hexadecimal digits, "-", 16 hexadecimal digits.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 16 && $0.allSatisfy(\.isHexDigit) }),
            let time = UInt64(parts[0], radix: 16), let client = UInt64(parts[1], radix: 16)
        else { return nil }
        self.init(time: time, client: client)
    }

    package var description: String { "\(Self.hex(time))-\(Self.hex(client))" }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The door's verdict on an event id's time. The door refuses and never clamps: a clamped id would be another event.
package enum EventIDVerdict: Hashable, Sendable {
    case admitted
    /// At or below `stamp - R`.
    case tooOld
    /// Above `stamp + F`.
    case tooNew
}

extension TimeBounds {
    /// The cut of an erase with this id: id time + F + 2D (S9). A function of the id, so that a repeated call erases what the
    /// first one did, at every door; it covers what was acknowledged before, by clocks within their bounds.
    package func eraseCut(of id: EventID) -> WallTime { id.wallTime.advanced(by: maxFuture + maxDrift * 2) }

    /// S4: admits `stamp - R < id time <= stamp + F`, both in milliseconds.
    package func verdict(on id: EventID, at stamp: HybridStamp) -> EventIDVerdict {
        let time = id.wallTime.milliseconds
        let now = stamp.wallTime.milliseconds
        if time > now.adding(clamping: maxFuture.wholeMilliseconds) { return .tooNew }
        if time.adding(clamping: maxAge.wholeMilliseconds) <= now { return .tooOld }
        return .admitted
    }
}
