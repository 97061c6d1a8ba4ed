// The metrics backend and its page.

import Metrics
import Testing

@testable import OperatorAPI

@Suite struct MetricsTests {
    @Test func countersGaugesAndHistogramsAreOnThePage() {
        let registry = MetricsRegistry()
        let counter = Counter(label: "m_calls_total", dimensions: [("method", "Report")], factory: registry)
        counter.increment()
        counter.increment(by: 4)
        Meter(label: "m_open", factory: registry).set(2.5)
        let timer = Metrics.Timer(label: "m_seconds", factory: registry)
        timer.recordNanoseconds(40_000)
        timer.recordNanoseconds(2_000_000)
        timer.recordNanoseconds(60_000_000_000)
        let page = registry.page()
        #expect(page.contains("# TYPE m_calls_total counter\nm_calls_total{method=\"Report\"} 5\n"))
        #expect(page.contains("# TYPE m_open gauge\nm_open 2.5\n"))
        #expect(page.contains("# TYPE m_seconds histogram\nm_seconds_bucket{le=\"5e-05\"} 1\n"))
        #expect(page.contains("m_seconds_bucket{le=\"0.0025\"} 2\n"))
        #expect(page.contains("m_seconds_bucket{le=\"10\"} 2\nm_seconds_bucket{le=\"+Inf\"} 3\n"))
        #expect(page.contains("m_seconds_sum 60.00204\nm_seconds_count 3\n"))
        #expect(page.hasSuffix("\n"))
    }

    /// One name and set of labels is one series, whoever asks.
    @Test func theSameSeriesIsShared() {
        let registry = MetricsRegistry()
        for _ in 0..<3 { Counter(label: "m_total", dimensions: [("a", "b")], factory: registry).increment() }
        #expect(registry.page().contains("m_total{a=\"b\"} 3\n"))
    }

    @Test func eachTypeLineStandsOnceAboveItsSeries() {
        let registry = MetricsRegistry()
        for label in ["b", "a", "c"] {
            Counter(label: "m_total", dimensions: [("l", label)], factory: registry).increment()
        }
        #expect(
            registry.page().hasPrefix(
                "# TYPE m_total counter\nm_total{l=\"a\"} 1\nm_total{l=\"b\"} 1\nm_total{l=\"c\"} 1\n"))
    }

    /// Names and values of labels may come from certificates: nothing in them breaks the format.
    @Test func namesAndLabelsAreMadeSafe() {
        let registry = MetricsRegistry()
        Counter(label: "1-m.total", dimensions: [("a b", "x\"y\\z\nw")], factory: registry).increment()
        #expect(registry.page().contains("__m_total{a_b=\"x\\\"y\\\\z\\nw\"} 1\n"))
    }

    @Test func theNumberOfSeriesIsBounded() {
        let registry = MetricsRegistry()
        for index in 0..<(MetricsRegistry.maxSeries + 7) {
            Counter(label: "m_total", dimensions: [("i", "\(index)")], factory: registry).increment()
        }
        let page = registry.page()
        #expect(page.split(separator: "\n").filter { $0.hasPrefix("m_total{") }.count == MetricsRegistry.maxSeries)
        #expect(page.contains("meridian_metrics_dropped_series 7\n"))
    }

    @Test func oneNameOfTwoTypesKeepsTheFirst() {
        let registry = MetricsRegistry()
        Counter(label: "m", factory: registry).increment()
        Meter(label: "m", factory: registry).set(9)
        Meter(label: "m", dimensions: [("other", "labels")], factory: registry).set(9)
        #expect(registry.page().hasPrefix("# TYPE m counter\nm 1\n# HELP meridian_metrics_dropped_series"))
    }

    @Test func gaugesAddAndCollectorsRunAtAScrape() {
        let registry = MetricsRegistry()
        let meter = Meter(label: "m_open", factory: registry)
        #expect(registry.addCollector { meter.increment(by: 1.5) })
        #expect(registry.page().contains("m_open 1.5\n"))
        meter.decrement(by: 0.5)
        #expect(registry.page().contains("m_open 2.5\n"))
        for _ in 1..<MetricsRegistry.maxCollectors { registry.addCollector {} }
        #expect(!registry.addCollector {})
    }

    @Test func destroyedSeriesLeaveThePage() {
        let registry = MetricsRegistry()
        let counter = Counter(label: "m_gone", factory: registry)
        counter.destroy()
        #expect(!registry.page().contains("m_gone"))
    }

    @Test func recordersUseBucketsOfTheirUnit() {
        let registry = MetricsRegistry()
        Recorder(label: "m_bytes", factory: registry).record(100)
        Recorder(label: "m_events", factory: registry).record(3)
        let page = registry.page()
        #expect(page.contains("m_bytes_bucket{le=\"64\"} 0\nm_bytes_bucket{le=\"256\"} 1\n"))
        #expect(page.contains("m_events_bucket{le=\"2\"} 0\nm_events_bucket{le=\"4\"} 1\n"))
    }

    /// Every line is a comment or `name{labels} value`.
    @Test func everyLineHasTheFormat() throws {
        let registry = MetricsRegistry()
        Counter(label: "m_total", dimensions: [("a", "b"), ("c", "d e")], factory: registry).increment()
        Metrics.Timer(label: "m_seconds", dimensions: [("a", "b")], factory: registry).recordNanoseconds(5)
        Meter(label: "m_gauge", factory: registry).set(-3)
        let sample = /[a-zA-Z_][a-zA-Z0-9_]*(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? (-?[0-9.e+-]+|\+Inf|-Inf|NaN)/
        let type = /# TYPE [a-zA-Z_][a-zA-Z0-9_]* (counter|gauge|histogram)/
        let help = /# HELP [a-zA-Z_][a-zA-Z0-9_]* .+/
        for line in registry.page().split(separator: "\n") {
            let isComment = line.wholeMatch(of: type) != nil || line.wholeMatch(of: help) != nil
            #expect(line.wholeMatch(of: sample) != nil || isComment, "\(line)")
        }
    }
}
