// When a client turns from one region to another, and back.

/// The bounds of failing over. The defaults keep the gap that a caller sees well below a second, whether a region refuses,
/// is cut off or hangs.
public struct FailoverPolicy: Hashable, Sendable {
    /// However quick a region usually is, it may take so long before a call turns to another one: a slow disk or a busy
    /// machine is no dead region.
    public var shortestAttempt: Duration
    /// The longest that a call waits for a silent region while another one is there; twice the region's usual time where
    /// that is longer. It doubles each time that every region was silent.
    public var longestAttempt: Duration
    /// How long a failed region is left alone at first. Doubles with every failed trial; jittered.
    public var firstRest: Duration
    /// The longest rest, and so the longest that a region's return goes unnoticed.
    public var longestRest: Duration
    /// How long a region that was away must go on answering trials before traffic returns to it. Doubles, up to eight
    /// times, for a region that keeps falling over.
    public var returnHold: Duration
    /// With `run()`: how often the next region in line is asked for a sign of life, which keeps its connection open.
    public var standbyInterval: Duration

    /// 200 to 250 ms an attempt, 250 ms to 15 s of rest, five seconds of hold, ten between signs of life.
    public init(
        shortestAttempt: Duration = .milliseconds(200), longestAttempt: Duration = .milliseconds(250),
        firstRest: Duration = .milliseconds(250), longestRest: Duration = .seconds(15),
        returnHold: Duration = .seconds(5), standbyInterval: Duration = .seconds(10)
    ) {
        self.shortestAttempt = shortestAttempt
        self.longestAttempt = longestAttempt
        self.firstRest = firstRest
        self.longestRest = longestRest
        self.returnHold = returnHold
        self.standbyInterval = standbyInterval
    }

    /// What one attempt may take, whatever was set.
    var attemptBounds: ClosedRange<Duration> {
        let low = max(shortestAttempt, .milliseconds(1))
        return low...max(low, longestAttempt)
    }
}
