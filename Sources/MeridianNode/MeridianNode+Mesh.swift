// A node among other regions: joins the mesh, and leaves it.

import ActorCluster
import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import OperatorAPI
import Personalization
import RegionMirror
import SegmentLog
import ServingAPI

extension MeridianNode {
    struct Joined: Sendable {
        let system: ClusterActorSystem
        let mesh: NodeMesh?
        let keys: TokenKeys
        let bootstrap: BootstrapParts
        let floors: FloorKeeper
    }

    func join(_ recovery: NodeRecovery, disk: any DedicatedExecutor) async throws -> Joined {
        let system = try await ClusterActorSystem(
            types: [UserShard.self, ContentShard.self, LineageKeeper.self, CapacityReporter.self],
            environment: environment,
            placement: RegionPlacement(configuration.peers, deploymentID: configuration.deployment.id),
            security: configuration.tls.map { .mutualTLS($0) } ?? .plaintext,
            terms: configuration.mirrorSettings?.terms.fingerprint)
        let keys = TokenKeys(try await readKeys(on: disk), hasMembers: !configuration.peers.isEmpty)
        let bootstrap = BootstrapParts(recovery.log, configuration, files: environment.files)
        let floors = try await keepFloors(recovery, disk: disk)
        let mesh = try await NodeMesh.start(
            configuration, environment: environment, system: system, keyring: keys.ring, recovery: recovery,
            floors: floors, snapshots: bootstrap.published, disk: disk, logger: logger,
            maxConnections: maxMeshConnections,
            capacity: OwnCapacity(
                status: status, configuration: configuration, files: environment.files, disk: disk))
        tokenKeys.onStarted(keys, mesh?.mirror)
        return Joined(system: system, mesh: mesh, keys: keys, bootstrap: bootstrap, floors: floors)
    }

    /// Floors that were synced take effect before anything else reads the logs (S1b).
    func keepFloors(_ recovery: NodeRecovery, disk: any DedicatedExecutor) async throws -> FloorKeeper {
        let floors = FloorKeeper(
            own: configuration.region.number,
            members: [configuration.region.number] + configuration.peers.map(\.number),
            drops: configuration.log.trims, book: recovery.lineage, directory: configuration.log.directory,
            engine: recovery.log, environment: environment, disk: disk, logger: logger)
        try await disk.run { () throws(any Error) in try floors.begin() }
        return floors
    }

    /// Before peers are greeted: they compare fingerprints of keys.
    func readKeys(on disk: any DedicatedExecutor) async throws -> TokenKeyring {
        let (tokenKeys, configured) = (tokenKeys, configuration.tokenKeys)
        return try await disk.run { () throws(NodeError) in try tokenKeys.read(configured) }
    }

    func watchClocks(_ mesh: NodeMesh?) -> ClockWatch {
        let mirror = mesh?.mirror
        return ClockWatch(
            bounds: configuration.timeBounds, clock: environment.clock, gate: stamps, logger: logger,
            peers: { mirror?.peerClocks() ?? [:] }, onRefusing: { mirror?.setRefusingWrites($0) })
    }

    func leave(_ joined: Joined) async {
        await joined.mesh?.shutDown()
        joined.floors.end()
    }
}
