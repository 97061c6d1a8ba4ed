// The clock guard's verdict as answers write it.

import ClusterModel

extension ClockVerdict {
    var word: String {
        switch self {
        case .trusted: "trusted"
        case .alarm: "alarm"
        case .refusing: "refusing"
        }
    }

    /// Empty while the clock is trusted.
    var reason: String {
        switch self {
        case .trusted: ""
        case .alarm(let why), .refusing(let why): why
        }
    }
}

extension Duration {
    /// Microseconds, rounded down, 0 for negative durations.
    var wholeMicroseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(seconds) &* 1_000_000 &+ UInt64(attoseconds / 1_000_000_000_000)
    }
}
