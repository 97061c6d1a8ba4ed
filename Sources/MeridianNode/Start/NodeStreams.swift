// What a node needs to feed consumers with effects (S13): a thread that reads history, one that writes cursors.

import ClusterModel
package import EventLog
package import Logging
package import NodeEnvironment
package import Personalization
import SegmentLog
package import ServingAPI

/// Effects and groups of one node. `shutDown` ends its threads, after the node's calls are over.
package struct NodeStreams: Sendable {
    /// How often the lag of groups is measured.
    private static let measuring: Duration = .seconds(10)

    package let door: EffectDoor
    private let groups: StreamGroups
    private let source: EffectSource
    private let readers: any DedicatedExecutor
    private let writers: any DedicatedExecutor
    private let clock: any NodeClock

    /// Reads the cursors of groups from the log's directory. A cursor that does not verify is reported, and its group has
    /// to say where it stands. Throws FileError.
    package static func open(
        _ configuration: NodeConfiguration, environment: NodeEnvironment, router: ShardRouter,
        log: any EventLogEngine, tasks: StreamTasks, logger: Logger
    ) async throws -> NodeStreams {
        let readers = environment.executors.makeDedicatedExecutor(label: "meridian-stream")
        let writers = environment.executors.makeDedicatedExecutor(label: "meridian-groups")
        let files = GroupFiles(directory: "\(configuration.log.directory)/groups", files: environment.files)
        let groups = StreamGroups(files: files, disk: writers)
        do {
            let damaged = try await writers.run { () throws(FileError) in
                try files.removeUnfinished()
                return try groups.load()
            }
            for reason in damaged { logger.error("group's cursor refused", metadata: ["reason": "\(reason)"]) }
        } catch {
            readers.shutDown()
            writers.shutDown()
            throw error
        }
        let settings = EffectSettings(
            members: [configuration.region.number] + configuration.peers.map(\.number),
            bounds: configuration.timeBounds)
        let source = EffectSource(
            shards: router, log: log, settings: settings, disk: readers, alarms: environment.executors.loops[0],
            clock: environment.clock)
        return NodeStreams(
            door: EffectDoor(
                source: source, groups: groups, tasks: tasks, clientPercent: configuration.limits.clientPercent),
            groups: groups, source: source,
            readers: readers, writers: writers, clock: environment.clock)
    }

    /// What groups of consumers have not committed yet: it holds the journal up to `log.pin_max_bytes` (S5).
    static func pins(of groups: StreamGroups, on logs: [LogSummary]) -> [TrimPin] {
        groups.needs(of: logs).map { TrimPin(name: "\($0.group.name) (\($0.group.topic.rawValue))", next: $0.next) }
    }

    func pins(on logs: [LogSummary]) -> [TrimPin] { Self.pins(of: groups, on: logs) }

    /// The lowest incarnation of each line of which a group has not read all that is flushed (S1b). Complexity: O(logs x
    /// groups).
    func neededStarts(of logs: [LogSummary]) -> [LogName: Incarnation] {
        let needs = groups.needs(of: logs).map(\.next)
        var starts: [LogName: Incarnation] = [:]
        for summary in logs where needs.contains(where: { $0[summary.log].map { $0 < summary.flushedEnd } ?? false }) {
            let (name, incarnation) = (summary.log.name, summary.log.incarnation)
            starts[name] = min(starts[name] ?? incarnation, incarnation)
        }
        return starts
    }

    /// Looks once how far groups are behind.
    func measure(_ api: ServingAPI) async {
        // What is measured cannot fail.
        try? await readers.run { api.collectStreams() }
    }

    /// Measures until it is cancelled: how far groups are behind takes looks at the disk, so that no scrape does it.
    package func run(_ api: ServingAPI) async throws {
        while true {
            try await clock.sleep(for: Self.measuring)
            await measure(api)
        }
    }

    package func shutDown() {
        readers.shutDown()
        writers.shutDown()
    }
}
