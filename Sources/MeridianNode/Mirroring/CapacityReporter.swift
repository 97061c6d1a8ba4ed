// The actor that tells other regions whether this one could take their users.

package import ActorCluster
package import ClusterModel
package import Distributed
import NodeEnvironment
package import OperatorAPI

/// One a region. Reads only, for members alone (MeshAuthority).
package distributed actor CapacityReporter: ClusterActor {
    package typealias ActorSystem = ClusterActorSystem

    package static let kind = ActorKind(4)
    package static let methods: [ActorMethod<CapacityReporter>] = [
        .suspending(1, target: { _ = try await $0.capacity(for: RegionNumber(0)) }) {
            (reporter: isolated CapacityReporter, region: RegionNumber) in await reporter.report(region)
        }
    ]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe actorSystem.executor(for: id) }

    private let report: @Sendable (RegionNumber) async -> RegionCapacity

    init(actorSystem: ClusterActorSystem, report: @escaping @Sendable (RegionNumber) async -> RegionCapacity) {
        self.report = report
        self.actorSystem = actorSystem
    }

    package static func identity(in region: RegionNumber) -> ActorIdentity {
        ActorIdentity(kind: kind, region: region, number: 0)
    }

    /// What this region could take over from `region`, as of now.
    package distributed func capacity(for region: RegionNumber) async throws -> RegionCapacity { await report(region) }
}

extension RegionCapacity: Wire {
    private static let states: [NodeState] = [.starting, .active, .draining, .fenced, .evacuated]

    package func encode(into writer: inout ByteWriter) {
        writer.write(UInt8(clamping: Self.states.firstIndex(of: state) ?? 0))
        writer.write(UInt8(isRefusingWrites ? 1 : 0))
        for figure in [
            freeBytes, neededBytes, lagEvents, lagMilliseconds, lagLimitMilliseconds, users, userLimit, callsInFlight,
            callLimit,
        ] { writer.writeVarint(figure) }
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let start = reader.offset
        let (state, flags) = (Int(try reader.read(UInt8.self)), try reader.read(UInt8.self))
        guard Self.states.indices.contains(state), flags <= 1 else {
            throw ByteCodingError(.invalidValue(field: "state"), at: start)
        }
        self.init(state: Self.states[state])
        isRefusingWrites = flags == 1
        freeBytes = try reader.readVarint()
        neededBytes = try reader.readVarint()
        lagEvents = try reader.readVarint()
        lagMilliseconds = try reader.readVarint()
        lagLimitMilliseconds = try reader.readVarint()
        users = try reader.readVarint()
        userLimit = try reader.readVarint()
        callsInFlight = try reader.readVarint()
        callLimit = try reader.readVarint()
    }
}
