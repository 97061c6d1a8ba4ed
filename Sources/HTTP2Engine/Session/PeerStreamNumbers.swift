// Which numbers a client has passed over: they may never be used again (RFC 9113 section 5.1.1).

/// Numbers of a client's streams, as they open. A pure value. nghttp2 takes HEADERS with a low number for the late words of a
/// stream that was reset, which must be borne; a number that never named a stream is another matter.
struct PeerStreamNumbers: Hashable, Sendable {
    /// Runs of numbers that were passed over; older ones are forgotten. Clients of good faith have none.
    private static let maxGaps = 32

    private var highest: Int32 = -1
    private var gaps: [ClosedRange<Int32>] = []

    /// HEADERS came with this odd number. False when the number was passed over earlier.
    mutating func onHeaders(_ number: Int32) -> Bool {
        guard number > highest else { return !gaps.contains { $0.contains(number) } }
        // Taken from the new number, which is at least 1: the highest may be the last that there is.
        if number - 2 > highest {
            if gaps.count == Self.maxGaps { gaps.removeFirst() }
            gaps.append(highest + 2...number - 2)
        }
        highest = number
        return true
    }
}
