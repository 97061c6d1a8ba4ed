// The node's own metrics backend: counters, gauges and histograms in memory, read by a scrape. swift-metrics' API is the
// way in, so that a node could report to another backend by another factory.

package import Metrics
import Synchronization

/// Makes handlers and lists them. Asked twice for one name and set of labels it gives the same handler. At most
/// `maxSeries` are kept; beyond, handlers count into nothing and `meridian_metrics_dropped_series` says how many.
package final class MetricsRegistry: MetricsFactory {
    /// Series of all metrics; a histogram counts as one.
    package static let maxSeries = 8_192
    /// Functions asked at each scrape.
    package static let maxCollectors = 32

    private struct State {
        var series: [SeriesKey: any Series] = [:]
        /// By name: all series of one metric have one type.
        var types: [String: SeriesType] = [:]
        var collectors: [@Sendable () -> Void] = []
        var dropped = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// `collect` runs at each scrape, on a loop, before the page is made: it sets gauges from figures that others keep.
    /// Must not block. False when there are `maxCollectors` already.
    @discardableResult
    package func addCollector(_ collect: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard state.collectors.count < Self.maxCollectors else { return false }
            state.collectors.append(collect)
            return true
        }
    }

    /// A node that has ended: collectors hold what they collect from, and that holds this.
    package func removeCollectors() { state.withLock { $0.collectors = [] } }

    /// All series in the order of their names and labels, after the collectors ran.
    func collected() -> (series: [(key: SeriesKey, series: any Series)], dropped: Int) {
        for collect in state.withLock({ $0.collectors }) { collect() }
        let (series, dropped) = state.withLock { ($0.series, $0.dropped) }
        return (series.map { ($0.key, $0.value) }.sorted { $0.key < $1.key }, dropped)
    }

    /// The series under this name and these labels; made where there is none. One name has one type: a second type
    /// under it gets a series of its own that is not listed.
    private func resolve<Made: Series>(
        _ label: String, _ dimensions: [(String, String)], _ make: () -> Made
    ) -> Made {
        let key = SeriesKey(label: label, dimensions: dimensions)
        return state.withLock { state in
            if let known = state.series[key] as? Made { return known }
            let made = make()
            guard state.series.count < Self.maxSeries, state.types[key.name] ?? made.type == made.type else {
                state.dropped += 1
                return made
            }
            state.types[key.name] = made.type
            state.series[key] = made
            return made
        }
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            guard let key = state.series.first(where: { $0.value === handler })?.key else { return }
            state.series[key] = nil
        }
    }
}

extension MetricsRegistry {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        resolve(label, dimensions) { CounterSeries() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        resolve(label, dimensions) { GaugeSeries() }
    }

    /// A histogram, or a gauge where nothing is to be aggregated.
    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return resolve(label, dimensions) { GaugeSeries() } }
        return resolve(label, dimensions) { HistogramSeries(bounds: .init(metric: label)) }
    }

    /// A histogram in seconds.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        resolve(label, dimensions) { HistogramSeries(bounds: .seconds) }
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}

/// A metric's name and its labels.
struct SeriesKey: Hashable, Comparable, Sendable {
    let name: String
    /// As the page has them, `name="value"` joined by commas; empty for none.
    let labels: String

    init(label: String, dimensions: [(String, String)]) {
        name = PrometheusText.name(label)
        labels = dimensions.map { "\(PrometheusText.name($0.0))=\"\(PrometheusText.escaped($0.1))\"" }
            .joined(separator: ",")
    }

    static func < (lhs: Self, rhs: Self) -> Bool { (lhs.name, lhs.labels) < (rhs.name, rhs.labels) }
}
