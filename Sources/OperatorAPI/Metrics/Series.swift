// What a series keeps: atomics, so that counting from all loops takes no lock. A scrape reads them one by one; figures of
// one page may differ by what happened in between.

import Metrics
import Synchronization

/// One line, or one histogram, of the page.
protocol Series: AnyObject, Sendable {
    var type: SeriesType { get }
    /// Appends the samples of this series.
    func write(_ key: SeriesKey, into text: inout PrometheusText)
}

/// The types of the text format.
enum SeriesType: String, Sendable {
    case counter
    case gauge
    case histogram
}

/// Only grows.
final class CounterSeries: Series, CounterHandler {
    private let value = Atomic<Int64>(0)

    var type: SeriesType { .counter }

    func increment(by amount: Int64) { value.wrappingAdd(max(0, amount), ordering: .relaxed) }

    func reset() { value.store(0, ordering: .relaxed) }

    func write(_ key: SeriesKey, into text: inout PrometheusText) {
        text.sample(key.name, key.labels, "\(value.load(ordering: .relaxed))")
    }
}

/// The last value set.
final class GaugeSeries: Series, MeterHandler, RecorderHandler {
    private let bits = Atomic<UInt64>(Double.zero.bitPattern)

    var type: SeriesType { .gauge }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (isExchanged, current) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if isExchanged { return }
            old = current
        }
    }

    func write(_ key: SeriesKey, into text: inout PrometheusText) {
        text.sample(key.name, key.labels, PrometheusText.number(Double(bitPattern: bits.load(ordering: .relaxed))))
    }
}

/// The upper bounds of a histogram's buckets and what one recorded unit is in the page's unit.
struct HistogramBounds: Sendable {
    /// Ascending, at most `HistogramSeries.maxBuckets - 1`, in recorded units; the last bucket is above them all.
    let upper: [Int64]
    /// Recorded units in one unit of the page.
    let scale: Double

    /// 50 us to 10 s; recorded in nanoseconds.
    static let seconds = HistogramBounds(
        upper: [
            50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
            100_000_000, 250_000_000, 1_000_000_000, 2_500_000_000, 10_000_000_000,
        ], scale: 1_000_000_000)
    /// 64 bytes to 64 MiB, by powers of four.
    static let bytes = HistogramBounds(upper: (3...13).map { 1 << (2 * $0) }, scale: 1)
    /// 1 to 16,384, by powers of two.
    static let counts = HistogramBounds(upper: (0...14).map { 1 << $0 }, scale: 1)

    private init(upper: [Int64], scale: Double) {
        self.upper = upper
        self.scale = scale
    }

    /// By the unit that the metric's name ends in.
    init(metric name: String) { self = name.hasSuffix("_bytes") ? .bytes : .counts }
}

/// Counts by bucket, and the sum.
final class HistogramSeries: Series, TimerHandler, RecorderHandler {
    static let maxBuckets = 16

    private let bounds: HistogramBounds
    private let counts: InlineArray<16, Atomic<Int64>>
    private let sum = Atomic<Int64>(0)

    init(bounds: HistogramBounds) {
        self.bounds = bounds
        counts = InlineArray { _ in Atomic<Int64>(0) }
    }

    var type: SeriesType { .histogram }

    func recordNanoseconds(_ duration: Int64) { record(duration) }
    func record(_ value: Double) { record(Int64(clamping: value)) }

    /// Complexity: O(buckets).
    func record(_ value: Int64) {
        let value = max(0, value)
        let bucket = bounds.upper.firstIndex { value <= $0 } ?? bounds.upper.count
        counts[bucket].wrappingAdd(1, ordering: .relaxed)
        sum.wrappingAdd(value, ordering: .relaxed)
    }

    func write(_ key: SeriesKey, into text: inout PrometheusText) {
        let prefix = key.labels.isEmpty ? "" : key.labels + ","
        var total: Int64 = 0
        for (index, upper) in bounds.upper.enumerated() {
            total += counts[index].load(ordering: .relaxed)
            let bound = PrometheusText.number(Double(upper) / bounds.scale)
            text.sample(key.name + "_bucket", "\(prefix)le=\"\(bound)\"", "\(total)")
        }
        total += counts[bounds.upper.count].load(ordering: .relaxed)
        text.sample(key.name + "_bucket", "\(prefix)le=\"+Inf\"", "\(total)")
        let sum = Double(sum.load(ordering: .relaxed)) / bounds.scale
        text.sample(key.name + "_sum", key.labels, PrometheusText.number(sum))
        text.sample(key.name + "_count", key.labels, "\(total)")
    }
}

extension Int64 {
    /// The nearest integer; 0 for no number.
    fileprivate init(clamping value: Double) {
        self = value.isNaN ? 0 : Int64(exactly: value.rounded()) ?? (value < 0 ? .min : .max)
    }
}
