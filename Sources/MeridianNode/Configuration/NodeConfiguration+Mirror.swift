// What a node's mirrors are told, from its configuration.

import NodeEnvironment
import Personalization
package import RegionMirror

extension NodeConfiguration {
    /// Nil for a node without peers.
    package var mirrorSettings: MirrorSettings? {
        guard let tls, !peers.isEmpty else { return nil }
        var settings = MirrorSettings(
            region: region.number, deploymentID: deployment.id, applyVersion: StateLimits.applyVersion,
            peers: peers.map { MirrorPeer(region: $0.number, name: $0.region, endpoints: $0.endpoints) },
            security: .mutualTLS(tls), maxBytesPerSecond: mirror.maxBytesPerSecond,
            heartbeat: mirror.heartbeatInterval, stallTimeout: mirror.stallTimeout, directory: log.directory)
        settings.regionName = region.name
        settings.partitions = deployment.partitions
        settings.timeBounds = timeBounds
        settings.oldestApplyVersion = StateLimits.oldestApplyVersion
        settings.lagAlarm = mirror.lagAlarm
        settings.bootstrapBytesPerSecond = mirror.bootstrapBytesPerSecond
        return settings
    }
}
