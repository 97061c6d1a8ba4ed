// The maker of event ids (S4).

package import ClusterModel

/// Ids of one client: strictly growing in time, so that none is made twice. A value without a clock of its own.
package struct EventIDSource: Hashable, Sendable {
    /// Random, drawn once a client.
    package private(set) var client: UInt64
    /// The highest time given or seen, milliseconds over sequence.
    private var highest: UInt64 = 0

    package init(client: UInt64) { self.client = client }

    /// max(calibrated clock, highest time seen + 1): a clock that stands still or goes back makes no id twice, and more
    /// than 65,536 ids in a millisecond run into the next.
    package mutating func next(at now: WallTime) -> EventID {
        highest = max(EventID(at: now, sequence: 0, client: client).time, highest &+ 1)
        return EventID(time: highest, client: client)
    }

    /// Another maker's id, such as one that the server made: this client's next id lies above it.
    package mutating func onSeen(_ id: EventID) { highest = max(highest, id.time) }

    /// Begins again as another client. For a clock that was far ahead: its ids were refused, and the next ones must not
    /// go on from them.
    package mutating func restart(client: UInt64) { self = EventIDSource(client: client) }
}
