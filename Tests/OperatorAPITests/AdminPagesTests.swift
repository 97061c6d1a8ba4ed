// The pages of the admin port.

import ClusterModel
import EventLog
import NodeEnvironment
import Synchronization
import Testing

@testable import OperatorAPI

@Suite struct AdminPagesTests {
    private let node = FakeNode()

    private func page(_ path: String) -> Page? {
        let pages = AdminPages(control: node, metrics: MetricsRegistry())
        let got = Mutex<Page?>(nil)
        pages.page(at: path) { page in got.withLock { $0 = page } }
        return got.withLock { $0 }
    }

    @Test func probesFollowTheState() {
        for state in NodeState.allCases {
            node.state = state
            #expect(page("/healthz")?.status == 200)
            #expect(page("/readyz")?.status == (state == .active ? 200 : 503))
            #expect(page("/readyz")?.body == "\(state.rawValue)\n")
        }
        #expect(page("/nothing") == .notFound)
    }

    @Test func statuszIsJSON() {
        #expect(
            page("/statusz")?.body
                == #"{"deployment":"shop","region":"eu \"west\"","region_number":2,"node":"n1","version":"1.2","#
                + #""state":"active","access":"by_role","uptime_ms":1500,"partitions":64,"recovery":{"clean_stop":false,"batches":3,"#
                + #""records":40,"cut_bytes":17,"corrupt_ranges":0,"duration_ms":20},"calls_in_flight":0,"#
                + #""clock":{"state":"trusted","reason":""},"mirror_unmirrored_events":null,"mirrors":[],"#
                + #""bootstrap":{"waiting":0,"done":0,"bytes":0,"current":null,"source":null,"position_bytes":0,"#
                + #""length_bytes":0,"failure":null},"#
                + #""personal_data":{"oldest_seconds":null,"maximum_seconds":0,"seconds_left":null},"#
                + #""catalogue":{"items":0,"expired":0,"tombstones":0,"limit":0},"rows":{"users":0,"markers":0},"alarms":[]}"#
                + "\n")
        #expect(page("/statusz")?.contentType == "application/json")
        #expect(page("/metrics")?.contentType == "text/plain; version=0.0.4; charset=utf-8")
    }

    @Test func textsAreEscaped() {
        #expect(StatusDocument.quoted("a\"b\\c\u{1}\n") == "\"a\\\"b\\\\c\\u0001\\u000a\"")
    }

    /// Monitoring reads these names; units stand in them.
    @Test func otherRegionsAreOnThePages() throws {
        var far = MirrorFacts(region: RegionNumber(3), name: "far")
        far.lagEvents = 7
        far.lagMilliseconds = 2_500
        far.lagP99Milliseconds = 12
        far.sinceHeard = .seconds(3)
        far.lastFailure = "reset"
        node.script.withLock { script in
            script.mirrors = [far]
            script.unmirrored = 9
            script.clock = .refusing("jumped")
        }
        let status = try #require(page("/statusz")?.body)
        for part in [
            #""mirror_unmirrored_events":9"#, #""state":"lost""#, #""mirror_lag_events":7"#, #""mirror_lag_ms":2500"#,
            #""mirror_lag_p50_ms":null"#, #""mirror_lag_p99_ms":12.0"#, #""last_heard_ms":3000"#,
            #""clock":{"state":"refusing","reason":"jumped"}"#, #""name":"mirror_lost""#, #""name":"clock_refusing""#,
        ] { #expect(status.contains(part), "\(part)") }
        let metrics = try #require(page("/metrics")?.body)
        for line in [
            "meridian_mirror_lag_events{region=\"far\"} 7", "meridian_mirror_lag_seconds{region=\"far\"} 2.5",
            "meridian_mirror_lag_ms{region=\"far\"} 2500", "meridian_mirror_lag_p50_ms{region=\"far\"} NaN",
            "meridian_mirror_lag_p99_ms{region=\"far\"} 12", "meridian_mirror_connected{region=\"far\"} 0",
            "meridian_mirror_unmirrored_events 9", "meridian_clock_state 2",
            "meridian_node_state{state=\"active\"} 1", "meridian_node_state{state=\"evacuated\"} 0",
        ] { #expect(metrics.contains(line + "\n"), "\(line)") }
    }
}
