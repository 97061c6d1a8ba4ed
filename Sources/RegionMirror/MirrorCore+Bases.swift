// What this node's published snapshots stand on, told to every peer, and floors that have moved (S1b).

import ClusterModel
import EventLog
import Synchronization

extension MirrorCore {
    /// What a peer has not heard over its link yet; all of it in the first pull of a link.
    func untoldBases(for region: RegionNumber) -> (bases: [LineBase], areAll: Bool) {
        let published = floors.published
        let told = state.withLock { $0.links[region]?.toldBases }
        let bases = published.filter { told?[$0.key] != $0.value }.sorted { $0.key < $1.key }
            .prefix(settings.limits.agreedEnds).map { LineBase(name: $0.key, point: $0.value) }
        return (bases, told == nil)
    }

    /// The peer has answered a pull that told it these.
    func onTold(_ bases: [LineBase], _ region: RegionNumber) {
        state.withLock { state in
            var told = state.links[region]?.toldBases ?? [:]
            for base in bases { told[base.name] = base.point }
            state.links[region]?.toldBases = told
        }
    }

    /// Floors have moved, durably: what lies below leaves.
    func onFloors(_ moved: [LineBase]) {
        let consumer = state.withLock { state in
            for floor in moved { state.lineage.onFloor(floor) }
            let facts = state.lineage
            state.follower?.drop(facts)
            state.cursors.drop(facts)
            state.relayed = state.relayed.filter { !facts.isBelowFloor($0.key.log) }
            state.lookups.removeAll { facts.isBelowFloor($0.point.log) }
            state.announced = state.announced.filter { !facts.isBelowFloor($0) }
            for region in state.links.keys {
                guard var link = state.links[region] else { continue }
                link.untold = link.untold.filter { !facts.isBelowFloor($0) }
                link.verifiedHeads = link.verifiedHeads.filter { !facts.isBelowFloor($0.key) }
                link.relayedUntold = link.relayedUntold.filter { !facts.isBelowFloor($0.log) }
                state.links[region] = link
            }
            return state.consumer
        }
        for floor in moved { consumer?.floorMoved(of: floor.name, to: floor.point) }
    }
}
