// What this region says of itself when another one wants to send its users away.

import ClusterModel
import EventLog
import NodeEnvironment
import OperatorAPI
import Personalization

/// Reads a running node's figures. A value; from any thread.
struct OwnCapacity: Sendable {
    let status: NodeStatus
    let configuration: NodeConfiguration
    let files: any FileStore
    /// Where the file system may block.
    let disk: any DedicatedExecutor

    /// As of now, for `region`. Walks all shards.
    func report(for region: RegionNumber) async -> RegionCapacity {
        var capacity = RegionCapacity(state: status.state)
        if case .refusing = status.clock { capacity.isRefusingWrites = true }
        let (path, files) = (configuration.log.directory, files)
        // A disk that does not say how much is free takes nobody.
        capacity.freeBytes = (try? await disk.run { () throws(FileError) in try files.availableBytes(at: path) }) ?? 0
        capacity.neededBytes = NodeRecoveryRun.neededBytes(configuration)
        if let mirror = status.mirrors.first(where: { $0.region == region }) {
            capacity.lagEvents = mirror.lagEvents
            capacity.lagMilliseconds = mirror.lagMilliseconds
        }
        capacity.lagLimitMilliseconds = configuration.mirror.lagAlarm.wholeMilliseconds
        capacity.users = await status.shardReports().reduce(0) { $0.adding(clamping: UInt64(clamping: $1.users)) }
        capacity.userLimit = UInt64(clamping: configuration.limits.users)
        capacity.callsInFlight = UInt64(clamping: status.callsInFlight)
        capacity.callLimit = UInt64(clamping: configuration.limits.callsInFlight)
        return capacity
    }
}
