// What became of an open loop's calls.

import ClusterModel
import OperatorCommands

/// How one call ended, as its caller sees it.
enum OpenCallEnd: Sendable {
    case good
    /// RESOURCE_EXHAUSTED or UNAVAILABLE with details: by the server's word.
    case refused
    /// No answer within the deadline, from whomever the caller heard it.
    case late
    case failed(String)
}

/// What became of the calls of one class.
struct OpenClassOutcome: Sendable {
    var sent = 0
    var good = 0
    var refused = 0
    var late = 0
    var failed = 0
    /// Of good calls, from the moment when they were due.
    var latency = LatencyHistogram()
}

struct OpenOutcome: Sendable {
    var classes = [OpenClassOutcome](repeating: OpenClassOutcome(), count: OpenLoad.classes.count)
    /// Calls that were due and not sent, since their connection had no place: the peer's limit on streams.
    var unsent = 0
    /// Calls that were due longer ago than their deadline when the generator came to them: its own limit.
    var missed = 0
    /// Calls that their client held back.
    var throttled = 0
    var elapsed = Duration.zero
    var lastFailure: String?

    /// Calls a second.
    func total(_ part: (OpenClassOutcome) -> Int) -> Double {
        rate(classes.reduce(0) { $0 + part($1) })
    }

    func rate(_ count: Int) -> Double { Double(count) / max(0.001, elapsed / .seconds(1)) }

    /// The part of its time that a node spent on good calls, when it can do `alone` calls a second of each class.
    func useful(of alone: [Double]) -> Double {
        zip(classes, alone).reduce(0) { $0 + rate($1.0.good) / max(1, $1.1) }
    }

    mutating func count(_ end: OpenCallEnd, of place: Int, after latency: Duration) {
        switch end {
        case .good:
            classes[place].good += 1
            classes[place].latency.record(latency)
        case .refused: classes[place].refused += 1
        case .late: classes[place].late += 1
        case .failed(let reason):
            classes[place].failed += 1
            lastFailure = reason
        }
    }
}
