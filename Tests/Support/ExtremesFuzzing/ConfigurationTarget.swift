// Numbers in a node's configuration.

import ClusterModel
import MeridianNode

struct ConfigurationTarget: ExtremesTarget {
    let name = "configuration"
    let grammar: ExtremesGrammar
    let seeds: [[UInt8]] = [Array(text.utf8)]

    private static let text = """
        deployment: {id: shop, partitions: 64}
        region: {name: r1, number: 1}
        node: {name: n1}
        listen: {api: "127.0.0.1:7411", admin: "127.0.0.1:7413"}
        log: {directory: data, segment_bytes: 67108864, retention_seconds: 604800, retention_bytes: 68719476736, pin_max_bytes: 137438953472, scrub_bytes_per_second: 8388608}
        events: {id_max_age_seconds: 600, id_max_future_ms: 5000}
        clock: {max_drift_ms: 500, time_mark_interval_ms: 2000}
        keys: {tokens: [{id: 1, file: key}]}
        limits: {calls_in_flight: 16384, request_bytes_in_flight: 67108864, queue_target_ms: 20, queue_interval_ms: 100, queue_limit_ms: 1000, flush_limit_ms: 500, connections: 10000, users: 10000000, contents: 200000, loops: 1, snapshot_interval_seconds: 60, drain_timeout_ms: 10000}

        """

    init() {
        var grammar = ExtremesGrammar(
            bounds: [
                4_096, 65_535, 9 << 20, 1 << 30, 30 * 86_400, 1 << 50, 1 << 34, 600_000, 3_600_000, 29_999, 1 << 20,
                1 << 32, 1 << 24, 256,
            ],
            share: 4)
        grammar.numbers = .decimal
        self.grammar = grammar
    }

    func run(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let configuration = try? NodeConfiguration(yaml: text, file: "extremes.yaml") else { return false }
        let bounds = configuration.timeBounds
        _ = (bounds.forgetAfter, bounds.timeMarkInterval / 2, configuration.log.retention.signedNanoseconds)
        _ = configuration.limits.drainTimeout.signedNanoseconds
        return true
    }
}
