// Which share of each class of calls one event loop lets in, from how old the work is that it finds. Pure: the caller
// brings the time.

package import ClusterModel

/// When a loop counts as overloaded.
package struct LoadSettings: Hashable, Sendable {
    /// The age of a standing queue that is put up with; zero turns control by age off.
    package var target: Duration
    /// A queue stands when nothing younger than the target was found for so long.
    package var interval: Duration
    /// Calls older than this are refused whatever their class: their callers have most likely gone.
    package var ageLimit: Duration
    /// Writes are refused while one waits longer than this for the disk.
    package var flushLimit: Duration

    package init(
        target: Duration = .milliseconds(20), interval: Duration = .milliseconds(100), ageLimit: Duration = .seconds(1),
        flushLimit: Duration = .milliseconds(500)
    ) {
        self.target = target
        self.interval = interval
        self.ageLimit = ageLimit
        self.flushLimit = flushLimit
    }
}

/// A queue's smallest age over an interval tells a queue that stands from one that comes and goes (CoDel, RFC 8289 section
/// 3); what is let in follows that age, and the lowest class is shed first (DAGOR, SoCC 2018). In each interval the calls
/// that were let in say what the loop can do; the next interval's budget is that number, less where the queue is above its
/// target, a little more where it is below. The budget goes to the classes from the top. Within a class every n-th call is
/// let in, evenly. A value of fixed size; each call costs a few additions.
package struct LoadController: Sendable {
    package enum Verdict: Hashable, Sendable {
        case admit
        /// `pressure`: the binary logarithm of offered over taken, 0 to `maxPressure`, and more for lower classes.
        case refuse(pressure: Int)
    }

    package static let maxPressure = 7
    private static let classes = 3
    /// How strongly a budget answers to a queue that is an interval too old.
    private static let gain = 0.3
    private static let factors = 0.5...1.1
    /// Without a call for so many intervals, what was learned is forgotten.
    private static let memory: Int64 = 10
    private static let whole: UInt32 = 1 << 16

    private let target: Int64
    private let interval: Int64
    private let ageLimit: Int64
    private var startedAt: BootInstant?
    private var youngest = Int64.max
    private var offered = InlineArray<3, Int>(repeating: 0)
    private var admitted = 0
    /// By class, of `whole`.
    private var shares = InlineArray<3, UInt32>(repeating: LoadController.whole)
    private var credits = InlineArray<3, UInt32>(repeating: 0)
    /// Calls that the loop is trusted with in an interval, while limiting.
    private var budget = 0.0
    private var pressure = 0
    /// Whether a queue stands: shares are below one, or may be soon.
    package private(set) var isLimiting = false
    /// The smallest age in the last interval.
    package private(set) var standingAge = Duration.zero

    package init(_ settings: LoadSettings) {
        target = settings.target.signedNanoseconds
        interval = max(1, settings.interval.signedNanoseconds)
        ageLimit = settings.ageLimit.signedNanoseconds
    }

    /// The part of a class that is let in, 0 to 1.
    package func share(of priority: CallPriority) -> Double {
        Double(shares[priority.rawValue]) / Double(Self.whole)
    }

    /// Judges a call whose bytes have waited for `age`.
    package mutating func onCall(_ priority: CallPriority, age: Duration, at now: BootInstant) -> Verdict {
        guard target > 0 else { return .admit }
        let start = startedAt ?? now
        if startedAt == nil { startedAt = now }
        let elapsed = now.since(start).signedNanoseconds
        if elapsed >= interval { endInterval(after: elapsed, at: now) }
        let nanoseconds = age.signedNanoseconds
        let place = priority.rawValue
        youngest = min(youngest, nanoseconds)
        offered[place] += 1
        guard nanoseconds <= ceiling(priority) else { return refusal(priority) }
        if shares[place] < Self.whole, nanoseconds > floor(priority) {
            credits[place] += shares[place]
            guard credits[place] >= Self.whole else { return refusal(priority) }
            credits[place] -= Self.whole
        }
        admitted += 1
        return .admit
    }

    /// What is older is refused without regard to shares: the way out of a backlog that built up in one burst.
    private func ceiling(_ priority: CallPriority) -> Int64 {
        isLimiting ? min(ageLimit, target << Int64(priority.rawValue)) : ageLimit
    }

    /// What is younger is let in without regard to shares: a loop with nothing to do refuses nobody, however little it did
    /// while it cleared a backlog or stood still, and so learns at once what it can do.
    private func floor(_ priority: CallPriority) -> Int64 { target >> Int64(Self.classes - priority.rawValue) }

    private func refusal(_ priority: CallPriority) -> Verdict {
        .refuse(pressure: min(Self.maxPressure, pressure + Self.classes - 1 - priority.rawValue))
    }

    private mutating func endInterval(after elapsed: Int64, at now: BootInstant) {
        let queue = youngest == .max ? 0 : youngest
        standingAge = .nanoseconds(queue)
        if elapsed > interval * Self.memory {
            open()
        } else if isLimiting || queue > target {
            divide(queue: queue, scale: Double(interval) / Double(elapsed))
        }
        startedAt = now
        youngest = .max
        offered = InlineArray(repeating: 0)
        admitted = 0
    }

    private mutating func open() {
        isLimiting = false
        pressure = 0
        budget = 0
        shares = InlineArray(repeating: Self.whole)
        credits = InlineArray(repeating: 0)
    }

    private mutating func divide(queue: Int64, scale: Double) {
        let correction = 1 + Self.gain * Double(target - queue) / Double(interval)
        let factor = min(max(correction, Self.factors.lowerBound), Self.factors.upperBound)
        var next = max(1, Double(admitted) * scale * factor)
        // With no queue it was the shares that kept calls out, made for another load: the loop can still do what it could.
        if queue <= target { next = max(next, budget) }
        budget = next
        var left = budget
        var total = 0.0
        var isShort = false
        for place in (0..<Self.classes).reversed() {
            let wanted = Double(offered[place]) * scale
            total += wanted
            let share = wanted <= left ? 1 : max(0, left / wanted)
            left = max(0, left - wanted)
            shares[place] = UInt32(share * Double(Self.whole))
            isShort = isShort || share < 1
        }
        guard isShort || queue > target else { return open() }
        isLimiting = true
        pressure = Self.pressure(offered: total, taken: budget)
    }

    private static func pressure(offered: Double, taken: Double) -> Int {
        var ratio = offered / taken
        var steps = 0
        while ratio > 1, steps < maxPressure {
            ratio /= 2
            steps += 1
        }
        return steps
    }
}
