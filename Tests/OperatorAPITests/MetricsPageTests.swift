// C23: the whole page, read as a scraper reads it, and each family against the node's own facts.

import ClusterModel
import EventLog
import Foundation
import Metrics
import NodeEnvironment
import Personalization
import PrometheusPage
import ServingAPI
import SimulatedEnvironment
import Synchronization
import Testing

@testable import OperatorAPI

@Suite struct MetricsPageTests {
    private let node = FakeNode()

    /// A node's page with everything that a node registers, besides links and streams.
    private func page() throws -> PrometheusPage {
        let registry = MetricsRegistry()
        let pages = AdminPages(control: node, metrics: registry)
        let stepped = SteppedEnvironment(seed: 1)
        let admission = AdmissionControl(limits: AdmissionLimits())
        let gauges = AdmissionGauges(admission, clock: stepped.clock, factory: registry)
        registry.addCollector { gauges.collect() }
        _ = OperatorAPI(
            control: node, queue: OperatorQueue(), clock: stepped.clock, refusals: ServingMetrics(factory: registry),
            metrics: registry)
        let got = Mutex("")
        pages.page(at: "/metrics") { page in got.withLock { $0 = page.body } }
        return try PrometheusPage(got.withLock { $0 })
    }

    private func fill() -> (mirror: MirrorFacts, upkeep: LogUpkeepFacts) {
        var far = MirrorFacts(region: RegionNumber(3), name: "far")
        far.isConnected = true
        far.sinceHeard = .milliseconds(1_500)
        far.clockOffsetMilliseconds = -7
        (far.lagEvents, far.lagMilliseconds) = (12, 2_500)
        (far.lagP50Milliseconds, far.lagP99Milliseconds) = (1.5, 40)
        (far.receivedBytes, far.lostLinks) = (1 << 40, 3)
        var upkeep = LogUpkeepFacts()
        (upkeep.journalBytes, upkeep.segments, upkeep.freeBytes) = (5 << 30, 80, 9 << 30)
        (upkeep.oldestSeconds, upkeep.unverifiedSeconds) = (3_601, 17)
        (upkeep.trimmedSegments, upkeep.trimmedBytes) = (4, 256 << 20)
        (upkeep.scrubbedBytes, upkeep.scrubbedSegments) = (1 << 33, 128)
        (upkeep.repairedSegments, upkeep.failedRepairs) = (2, 1)
        (upkeep.boundBytes, upkeep.personalDataSeconds, upkeep.personalDataMaximumSeconds) = (16 << 30, 100, 300)
        upkeep.corruptRanges = ["a"]
        upkeep.standstill = .bound
        upkeep.brokenPins = ["g"]
        upkeep.hold = LogUpkeepFacts.Hold(reason: "pin", detail: "", isOverdue: true)
        node.script.withLock { [far, upkeep] script in
            script.mirrors = [far]
            script.unmirrored = 21
            script.clock = .alarm("odd")
            script.upkeep = upkeep
            script.occupancy = StateOccupancy(
                shards: [0, 1].map {
                    ShardOccupancy(
                        partition: PartitionID($0), users: 5, maxUsers: 100, markerRows: 2, maxMarkerRows: 25)
                }, catalogue: CatalogueOccupancy(items: 30, expired: 4, tombstones: 6, limit: 100))
        }
        return (far, upkeep)
    }

    /// The two gauges that printed 1.8e-320 were `Double.init` of an unsigned number, which reads its bits.
    @Test func everyFamilySaysWhatTheNodeKnows() throws {
        let (far, upkeep) = fill()
        let page = try page()
        func expect(_ name: String, _ value: Double, _ labels: [String: String] = [:]) {
            let found = page.families["meridian_\(name)"]?.value(labels)
            #expect(found == value, "\(name): \(String(describing: found))")
        }
        expect("log_journal_bytes", Double(upkeep.journalBytes))
        expect("log_segments", 80)
        expect("log_free_bytes", Double(upkeep.freeBytes))
        expect("log_oldest_seconds", 3_601)
        expect("log_unverified_seconds", 17)
        expect("log_bound_bytes", Double(upkeep.boundBytes))
        expect("log_personal_data_seconds", 100)
        expect("log_personal_data_left_seconds", 200)
        expect("bootstrap_waiting", 0)
        expect("log_trimmed_segments", 4)
        expect("log_trimmed_bytes", Double(upkeep.trimmedBytes))
        expect("log_trim_overdue", 1)
        expect("log_trim_held", 1, ["reason": "pin"])
        expect("log_trim_held", 0, ["reason": "retention"])
        expect("log_broken_pins", 1)
        expect("log_scrubbed_bytes", Double(upkeep.scrubbedBytes))
        expect("log_scrubbed_segments", 128)
        expect("log_corrupt_ranges", 1)
        expect("log_disk_full", 1)
        expect("log_repaired_segments", 2)
        expect("log_failed_repairs", 1)
        expect("mirror_unmirrored_events", 21)
        for (name, value) in [
            ("connected", 1), ("lag_events", 12), ("lag_ms", 2_500), ("lag_seconds", 2.5), ("lag_p50_ms", 1.5),
            ("lag_p99_ms", 40), ("silence_seconds", 1.5), ("clock_offset_ms", -7), ("stopped_logs", 0),
            ("received_bytes", Double(far.receivedBytes)), ("lost_links", 3),
        ] { expect("mirror_\(name)", value, ["region": "far"]) }
        expect("catalogue_items", 30)
        expect("catalogue_expired_items", 4)
        expect("catalogue_tombstones", 6)
        expect("catalogue_limit", 100)
        expect("user_rows", 10)
        expect("user_rows_limit", 200)
        expect("user_marker_rows", 4)
        expect("user_marker_rows_limit", 50)
        expect("clock_state", 1)
        expect("node_state", 1, ["state": "active"])
        expect("node_state", 0, ["state": "draining"])
        expect("calls_in_flight", 0)
        expect("metrics_dropped_series", 0)
    }

    /// What is not known is not a number, and never an old one.
    @Test func whatIsNotKnownIsNoNumber() throws {
        let page = try page()
        #expect(page.families["meridian_log_oldest_seconds"]?.value()?.isNaN == true)
        #expect(page.families["meridian_log_unverified_seconds"]?.value()?.isNaN == true)
        #expect(page.families["meridian_log_personal_data_left_seconds"]?.value()?.isNaN == true)
    }

    @Test func everyFamilyHasHelpTypeAndUnit() throws {
        _ = fill()
        let page = try page()
        #expect(page.families.count > 30)
        for family in page.families.values {
            #expect(family.help != nil && family.type != nil && family.unit != nil, "\(family.name): \(family)")
        }
    }

    @Test func unitsStandInNamesToo() {
        for family in MetricFamilies.all {
            let name = family.name
            #expect(name.hasPrefix("meridian_") && name.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" })
            switch family.unit {
            case .seconds: #expect(name.hasSuffix("_seconds"), "\(name)")
            case .milliseconds: #expect(name.hasSuffix("_ms"), "\(name)")
            case .bytes: #expect(name.hasSuffix("_bytes"), "\(name)")
            case .ratio: #expect(name.hasSuffix("_ratio"), "\(name)")
            case .count, .flag, .rank: break
            }
        }
        #expect(Set(MetricFamilies.all.map(\.name)).count == MetricFamilies.all.count)
    }

    /// Every label that stands in Sources as a metric's name has its row.
    @Test func everyNameInTheSourcesHasARow() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(atPath: root.path)).compactMap { $0 as? String }
        var names: Set<String> = []
        for file in files where file.hasSuffix(".swift") && !file.hasSuffix("MetricFamilies.swift") {
            let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
            for match in text.matches(of: /"(meridian_[a-z0-9_]*[a-z0-9])"/) { names.insert(String(match.1)) }
        }
        #expect(names.count > 25)
        for name in names.sorted() {
            #expect(MetricFamilies.byName[name] != nil, "\(name) has no row in MetricFamilies")
        }
    }

    /// The reader sees what it is there for.
    @Test(arguments: [
        "a 1\n", "# TYPE a gauge\na 1", "# TYPE a gauge\na one\n", "# TYPE a gauge\na{b=c} 1\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{c=\"d\"} 1\n", "# TYPE a counter\na -1\n",
        "# TYPE a gauge\na 1\na 2\n",
        "# HELP a x (unit: count)\n# TYPE a gauge\na 1.8e-320\n",
        "# HELP a x (unit: seconds)\n# TYPE a gauge\na 8.4e-322\n",
        "# HELP a x (unit: ratio)\n# TYPE a gauge\na 1.5\n",
    ])
    func aBadPageIsFoundOut(text: String) {
        #expect(throws: PrometheusPage.PageError.self) { try PrometheusPage(text) }
    }
}
