// The server's clock as the client knows it (S4): every answer carries the server's time.

package import ClusterModel

/// Keeps the answer that bounds the server's time best and counts on from it with the boot clock, so that the device's
/// wall clock may jump. A value.
package struct ServerClock: Hashable, Sendable {
    private struct Sample: Hashable {
        /// The server's time at `at`, which lies in the middle of the round trip.
        var time: WallTime
        var at: BootInstant
        /// Half the round trip.
        var uncertainty: Duration
    }

    /// How much a device's oscillator may drift: a sample's uncertainty grows by this share of its age.
    private static let driftPerAge = 2.0e-4

    private var sample: Sample?

    package init() {}

    /// Whether any answer was seen.
    package var isCalibrated: Bool { sample != nil }

    /// Takes an answer into account. Zero is no time.
    package mutating func onAnswer(serverTime: WallTime, sentAt: BootInstant, receivedAt: BootInstant) {
        let trip = receivedAt.since(sentAt)
        guard serverTime.milliseconds > 0, trip >= .zero else { return }
        let found = Sample(time: serverTime, at: sentAt.advanced(by: trip / 2), uncertainty: trip / 2)
        if let sample {
            let age = found.at.since(sample.at)
            if sample.uncertainty + age * Self.driftPerAge < found.uncertainty { return }
        }
        sample = found
    }

    /// The server's time now; the device's wall clock before the first answer.
    package func now(at boot: BootInstant, wall: WallTime) -> WallTime {
        sample.map { $0.time.advanced(by: boot.since($0.at)) } ?? wall
    }
}
