// Reading of a configuration file. The defaults stand here and in Config/single-node.yaml; a test compares the two.

import ClusterModel
import NodeEnvironment
import ServingAPI
import Yams

extension NodeConfiguration {
    /// Reads and checks a configuration. `file` is only for messages. `isThere` says whether a file that it names exists; nil
    /// leaves that to the start. `place`: how a path is written for people.
    package init(
        yaml: String, file: String, isThere: ((String) -> Bool)? = nil, place: (String) -> String = { $0 }
    ) throws(ConfigurationError) {
        let read = ConfigurationValues()
        var root = try ConfigurationSection(file: file, path: "", node: Self.compose(yaml, file), values: read)
        deployment = try Self.deployment(&root)
        region = try Self.region(&root)
        var node = try root.section("node")
        nodeName = try node.string("name")
        try node.finish()
        peers = try Self.peers(&root)
        listen = try Self.listen(&root)
        tls = try Self.tls(&root, place, isThere)
        access = try Self.access(&root, deploymentID: deployment.id)
        log = try Self.log(&root)
        mirror = try Self.mirror(&root)
        timeBounds = try Self.timeBounds(&root)
        tokenKeys = try Self.tokenKeys(&root)
        limits = try Self.limits(&root)
        try Self.refuseJetStream(&root)
        var drill = try root.section("drill")
        drillAllowed = try drill.boolean("allow", default: false)
        try drill.finish()
        try root.finish()
        values = read.byKey
        try validate(root)
    }

    private static func compose(_ yaml: String, _ file: String) throws(ConfigurationError) -> Node {
        try ConfigurationText.check(yaml, file: file)
        do {
            if let node = try Yams.compose(yaml: yaml), ConfigurationScalar(node)?.isNull != true { return node }
        } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
            let place = ConfigurationError.Location(line: context.mark.line, column: context.mark.column)
            throw ConfigurationError(
                code: .invalidValue, file: file, location: place, key: keys.joined(separator: ", "),
                message: "it stands there twice; this is one of the places")
        } catch let error as YamlError {
            throw ConfigurationError(
                code: .notYAML, file: file, location: error.location, key: "", message: "\(error)")
        } catch {
            throw ConfigurationError(code: .notYAML, file: file, location: nil, key: "", message: "\(error)")
        }
        throw ConfigurationError(
            code: .notYAML, file: file, location: nil, key: "", message: "the file is empty; see Config/")
    }

    private static func deployment(_ root: inout ConfigurationSection) throws(ConfigurationError) -> Deployment {
        var section = try root.section("deployment")
        let id = try section.string("id")
        let number = try section.integer("partitions", in: 1...PartitionCount.maximum, default: 64)
        guard let partitions = PartitionCount(number) else {
            throw section.failure(.invalidValue, "partitions", "\(number) is not a power of two")
        }
        try section.finish()
        return Deployment(id: id, partitions: partitions)
    }

    private static func region(_ root: inout ConfigurationSection) throws(ConfigurationError) -> Region {
        var section = try root.section("region")
        let region = Region(
            name: try section.string("name"),
            number: RegionNumber(UInt16(try section.integer("number", in: 1...65_535))),
            cloud: try section.string("cloud", default: "none"))
        try section.finish()
        return region
    }

    private static func peers(_ root: inout ConfigurationSection) throws(ConfigurationError) -> [Peer] {
        var peers: [Peer] = []
        for var section in try root.sections("peers", limit: 31) {
            var endpoints: [Endpoint] = []
            for text in try section.strings("endpoints", limit: 16) {
                guard let endpoint = Endpoint(text) else {
                    throw section.failure(.invalidValue, "endpoints", "\(text) is not host:port or [v6]:port")
                }
                endpoints.append(endpoint)
            }
            peers.append(
                Peer(
                    region: try section.string("region"),
                    number: RegionNumber(UInt16(try section.integer("number", in: 1...65_535))),
                    endpoints: endpoints))
            try section.finish()
        }
        return peers
    }

    private static func listen(_ root: inout ConfigurationSection) throws(ConfigurationError) -> Listen {
        var section = try root.section("listen")
        let listen = Listen(
            api: try endpoint(&section, "api", default: "127.0.0.1:7411"),
            mesh: try optionalEndpoint(&section, "mesh"),
            admin: try endpoint(&section, "admin", default: "127.0.0.1:7413"))
        try section.finish()
        return listen
    }

    private static func endpoint(
        _ section: inout ConfigurationSection, _ key: String, default fallback: String
    ) throws(ConfigurationError) -> Endpoint {
        try endpoint(section, key, try section.string(key, default: fallback))
    }

    private static func optionalEndpoint(
        _ section: inout ConfigurationSection, _ key: String
    ) throws(ConfigurationError) -> Endpoint? {
        guard let text = try section.optionalString(key) else { return nil }
        return try endpoint(section, key, text)
    }

    private static func endpoint(
        _ section: ConfigurationSection, _ key: String, _ text: String
    ) throws(ConfigurationError) -> Endpoint {
        guard let endpoint = Endpoint(text) else {
            throw section.failure(.invalidValue, key, "\(text) is not host:port or [v6]:port")
        }
        return endpoint
    }

    private static func tls(
        _ root: inout ConfigurationSection, _ place: (String) -> String, _ isThere: ((String) -> Bool)?
    ) throws(ConfigurationError) -> TLSIdentity? {
        guard var section = try root.optionalSection("tls") else { return nil }
        var identity = TLSIdentity(
            authorityPath: try section.string("ca"), certificatePath: try section.string("certificate"),
            keyPath: try section.string("key"), revocationPath: try section.optionalString("crl"))
        identity.allowsTLS12 = try section.boolean("allow_tls_1_2", default: false)
        let named = [
            ("ca", identity.authorityPath), ("certificate", identity.certificatePath), ("key", identity.keyPath),
            ("crl", identity.revocationPath ?? ""),
        ]
        for (key, path) in named where section.isPresent(key) && isThere?(path) == false {
            throw section.failure(.invalidValue, key, "there is no file \(place(path))")
        }
        try section.finish()
        return identity
    }

    private static func log(_ root: inout ConfigurationSection) throws(ConfigurationError) -> Log {
        var section = try root.section("log")
        let engine = try section.string("engine", default: "segment")
        guard engine == "segment" else {
            throw section.failure(
                engine == "jetstream" ? .unsupported : .invalidValue, "engine",
                "this release has the engine \"segment\"")
        }
        let log = Log(
            directory: try section.string("directory"),
            segmentBytes: try section.integer("segment_bytes", in: 9 << 20...1 << 30, default: 64 << 20),
            trims: try section.boolean("trim", default: true),
            retention: try section.seconds("retention_seconds", in: 3_600...30 * 86_400, default: 7 * 86_400),
            retentionBytes: UInt64(try section.integer("retention_bytes", in: 1 << 26...1 << 50, default: 64 << 30)),
            pinMaxBytes: UInt64(try section.integer("pin_max_bytes", in: 1 << 26...1 << 50, default: 128 << 30)),
            maxBytes: UInt64(try section.integer("max_bytes", in: 1 << 27...1 << 50, default: 256 << 30)),
            personalDataMaximum: try section.seconds(
                "personal_data_max_seconds", in: 86_400...366 * 86_400, default: 30 * 86_400),
            scrubBytesPerSecond: UInt64(
                try section.integer("scrub_bytes_per_second", in: 0...1 << 34, default: 8 << 20)),
            markBeforeAck: try section.boolean("mark_before_ack", default: false))
        try section.finish()
        return log
    }

    private static func mirror(_ root: inout ConfigurationSection) throws(ConfigurationError) -> Mirror {
        var section = try root.section("mirror")
        let mirror = Mirror(
            maxBytesPerSecond: UInt64(
                try section.integer("max_bytes_per_second", in: 1 << 16...1 << 40, default: 256 << 20)),
            bootstrapBytesPerSecond: UInt64(
                try section.integer("bootstrap_bytes_per_second", in: 1 << 12...1 << 40, default: 64 << 20)),
            heartbeatInterval: try section.milliseconds("heartbeat_interval_ms", in: 10...60_000, default: 500),
            stallTimeout: try section.milliseconds("stall_timeout_ms", in: 100...600_000, default: 5_000),
            lagAlarm: try section.milliseconds("lag_alarm_ms", in: 1_000...86_400_000, default: 60_000))
        try section.finish()
        return mirror
    }

    private static func timeBounds(_ root: inout ConfigurationSection) throws(ConfigurationError) -> TimeBounds {
        var events = try root.section("events")
        let maxAge = try events.seconds("id_max_age_seconds", in: 1...86_400, default: 600)
        let maxFuture = try events.milliseconds("id_max_future_ms", in: 1...3_600_000, default: 5_000)
        try events.finish()
        var clock = try root.section("clock")
        let maxDrift = try clock.milliseconds("max_drift_ms", in: 1...600_000, default: 500)
        let mark = try clock.milliseconds("time_mark_interval_ms", in: 10...29_999, default: 2_000)
        try clock.finish()
        do {
            return try TimeBounds(
                maxDrift: maxDrift, maxFuture: maxFuture, maxAge: maxAge, timeMarkInterval: mark,
                silence: TimeBounds.standard.silence)
        } catch {
            throw clock.failure(.invalidValue, "max_drift_ms", "\(error) (S2: D < F < R/4)")
        }
    }

    private static func tokenKeys(_ root: inout ConfigurationSection) throws(ConfigurationError) -> [TokenKey] {
        var keys = try root.section("keys")
        var tokens: [TokenKey] = []
        for var section in try keys.sections("tokens", limit: 16) {
            tokens.append(
                TokenKey(
                    id: UInt32(try section.integer("id", in: 1...Int(UInt32.max))), file: try section.string("file")))
            try section.finish()
        }
        try keys.finish()
        return tokens
    }

    private static func limits(_ root: inout ConfigurationSection) throws(ConfigurationError) -> Limits {
        var section = try root.section("limits")
        let limits = Limits(
            callsInFlight: try section.integer("calls_in_flight", in: 1...1 << 20, default: 16_384),
            requestBytesInFlight: try section.integer(
                "request_bytes_in_flight", in: 1 << 20...1 << 34, default: 64 << 20),
            load: try load(&section),
            clientPercent: try section.integer("client_share_percent", in: 1...100, default: 25),
            connections: try section.integer("connections", in: 1...1 << 20, default: 10_000),
            users: try section.integer("users", in: 1...1 << 32, default: 10_000_000),
            contents: try section.integer("contents", in: 1...1 << 24, default: 200_000),
            loops: try section.integer("loops", in: 0...256, default: 0),
            snapshotInterval: try section.seconds("snapshot_interval_seconds", in: 1...86_400, default: 60),
            drainTimeout: try section.milliseconds("drain_timeout_ms", in: 0...600_000, default: 10_000))
        try section.finish()
        return limits
    }

    private static func load(_ section: inout ConfigurationSection) throws(ConfigurationError) -> LoadSettings {
        let load = LoadSettings(
            target: try section.milliseconds("queue_target_ms", in: 0...10_000, default: 20),
            interval: try section.milliseconds("queue_interval_ms", in: 10...60_000, default: 100),
            ageLimit: try section.milliseconds("queue_limit_ms", in: 10...600_000, default: 1_000),
            flushLimit: try section.milliseconds("flush_limit_ms", in: 10...600_000, default: 500))
        guard load.target < load.interval else {
            throw section.failure(.invalidValue, "queue_target_ms", "must be below queue_interval_ms")
        }
        guard load.interval <= load.ageLimit else {
            throw section.failure(.invalidValue, "queue_limit_ms", "must not be below queue_interval_ms")
        }
        return load
    }

    private static func refuseJetStream(_ root: inout ConfigurationSection) throws(ConfigurationError) {
        guard root.isPresent("nats") else { return }
        _ = try root.section("nats")
        throw root.failure(.unsupported, "nats", "the JetStream engine comes with a later release; remove this section")
    }
}

extension YamlError {
    fileprivate var location: ConfigurationError.Location? {
        switch self {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            ConfigurationError.Location(line: mark.line, column: mark.column)
        default: nil
        }
    }
}
