// Asks the shards of another region, each by the same typed call that reaches a shard in this process.

package import ActorCluster
package import ClusterModel
import Distributed
package import NodeEnvironment
package import OperatorAPI
package import Personalization

/// One question to many actors. A value; safe to use from any thread.
package struct PeerShards: Sendable {
    /// Calls under way at once; far below `ActorClusterLimits.outgoingCalls`, and enough for 4096 partitions over
    /// round trips of 100 ms within the timeout.
    package static let concurrency = 128
    /// For all shards of a region together, however long its asker would wait.
    package static let timeout: Duration = .seconds(5)

    private let system: ClusterActorSystem
    private let names: [RegionNumber: String]
    private let partitions: PartitionCount
    private let clock: any NodeClock

    /// `names`: the other regions of the deployment.
    package init(
        system: ClusterActorSystem, names: [RegionNumber: String], partitions: PartitionCount, clock: any NodeClock
    ) {
        self.system = system
        self.names = names
        self.partitions = partitions
        self.clock = clock
    }

    /// The reports of these partitions' shards in `region`, in the order given, or what kept one of them from answering.
    /// Partitions beyond the deployment's are left out.
    package func reports(
        of region: RegionNumber, _ wanted: [PartitionID], by asked: BootInstant
    ) async throws(PeerFailure) -> [ShardReport] {
        guard let name = names[region] else {
            throw PeerFailure(region: region, name: "", cause: .unknownRegion, detail: "")
        }
        let wanted = wanted.filter { $0.rawValue < UInt32(partitions.rawValue) }.prefix(partitions.rawValue)
        let deadline = min(asked, clock.bootTime().advanced(by: Self.timeout))
        do {
            return try await ClusterActorSystem.$deadline.withValue(deadline) {
                try await ClusterActorSystem.$mayRepeat.withValue(true) { try await ask(Array(wanted), in: region) }
            }
        } catch let error as ActorCallError {
            throw PeerFailure(region: region, name: name, cause: Self.cause(error.code), detail: error.message)
        } catch {
            throw PeerFailure(region: region, name: name, cause: .badAnswer, detail: "\(error)")
        }
    }

    /// What `region` could take over from `own`.
    package func capacity(
        of region: RegionNumber, for own: RegionNumber, by asked: BootInstant
    ) async throws(PeerFailure) -> RegionCapacity {
        try await once(region, by: asked) { system in
            try await CapacityReporter.resolve(id: CapacityReporter.identity(in: region), using: system)
                .capacity(for: own)
        }
    }

    /// The catalogue of `region`.
    package func content(
        of region: RegionNumber, by asked: BootInstant
    ) async throws(PeerFailure) -> ContentReport {
        try await once(region, by: asked) { system in
            try await ContentShard.resolve(id: ContentShard.identity(in: region), using: system).inspect()
        }
    }

    /// One call of one actor, that may be repeated.
    private func once<Answer: Sendable>(
        _ region: RegionNumber, by asked: BootInstant, _ ask: @Sendable (ClusterActorSystem) async throws -> Answer
    ) async throws(PeerFailure) -> Answer {
        guard let name = names[region] else {
            throw PeerFailure(region: region, name: "", cause: .unknownRegion, detail: "")
        }
        let deadline = min(asked, clock.bootTime().advanced(by: Self.timeout))
        do {
            return try await ClusterActorSystem.$deadline.withValue(deadline) {
                try await ClusterActorSystem.$mayRepeat.withValue(true) { try await ask(system) }
            }
        } catch let error as ActorCallError {
            throw PeerFailure(region: region, name: name, cause: Self.cause(error.code), detail: error.message)
        } catch {
            throw PeerFailure(region: region, name: name, cause: .badAnswer, detail: "\(error)")
        }
    }

    /// The first failure ends the whole question: half of a region's digests shows nothing.
    private func ask(_ wanted: [PartitionID], in region: RegionNumber) async throws -> [ShardReport] {
        try await withThrowingTaskGroup(of: (Int, ShardReport).self) { group in
            var reports = [ShardReport?](repeating: nil, count: wanted.count)
            var next = 0
            func askNext() {
                guard next < wanted.count else { return }
                let (place, partition) = (next, wanted[next])
                next += 1
                group.addTask { (place, try await inspect(partition, in: region)) }
            }
            for _ in 0..<min(Self.concurrency, wanted.count) { askNext() }
            while let (place, report) = try await group.next() {
                reports[place] = report
                askNext()
            }
            return reports.compactMap(\.self)
        }
    }

    private func inspect(_ partition: PartitionID, in region: RegionNumber) async throws -> ShardReport {
        let shard = try UserShard.resolve(id: UserShard.identity(of: partition, in: region), using: system)
        let report = try await shard.inspect()
        guard report.partition == partition else {
            throw ActorCallError(
                .malformedReply, "the shard of partition \(partition.rawValue) answered for another one")
        }
        return report
    }

    private static func cause(_ code: ActorCallError.Code) -> PeerFailure.Cause {
        switch code {
        case .deadlineExceeded: .timedOut
        case .linkFailed, .noRoute, .overloaded, .tooManyCalls: .unreachable
        case .otherTerms: .otherTerms
        default: .badAnswer
        }
    }
}
