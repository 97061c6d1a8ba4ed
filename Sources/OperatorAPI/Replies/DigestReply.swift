// Digests of one region or of all (S10), as OperatorService.Digest answers them.

import ClusterModel
import EventLog
import MergeableState
import MeridianProtocol
import NodeEnvironment
import Personalization
import ServingAPI

extension OperatorAPI {
    func digest(
        _ request: Meridian_V1_DigestRequest, by deadline: BootInstant
    ) async throws(Refusal) -> Meridian_V1_DigestReply {
        let count = control.facts.partitions.rawValue
        guard request.partitions.count <= count, request.partitions.allSatisfy({ $0 < count }) else {
            throw Refusal(
                .fieldOutOfBounds, "partitions: 0 to \(count - 1), none twice", metadata: [("field", "partitions")])
        }
        let wanted = Set(request.partitions.map { PartitionID($0) })
        var reply = Meridian_V1_DigestReply()
        if request.allRegions {
            let all = wanted.isEmpty ? (0..<UInt32(count)).map { PartitionID($0) } : wanted.sorted()
            reply.regions = await digests(of: all, by: deadline)
            reply.partitions = reply.regions.first { $0.region == region }?.partitions ?? []
        } else {
            reply.partitions = await ownDigests(of: wanted)
        }
        if let content = await control.contentReport() { reply.content = Meridian_V1_ContentDigest(content) }
        reply.region = region
        reply.serverTimeMs = serverTime
        return reply
    }

    /// Of this node's shards; all for an empty set.
    private func ownDigests(of wanted: Set<PartitionID>) async -> [Meridian_V1_PartitionDigest] {
        await control.shardReports().filter { wanted.isEmpty || wanted.contains($0.partition) }
            .sorted { $0.partition < $1.partition }.map(Meridian_V1_PartitionDigest.init)
    }

    /// All regions are asked at once, so that their vectors lie close together. A region that does not answer is in the
    /// reply with its failure.
    private func digests(
        of partitions: [PartitionID], by deadline: BootInstant
    ) async -> [Meridian_V1_RegionDigest] {
        await withTaskGroup(of: Meridian_V1_RegionDigest.self) { group in
            for mirror in control.mirrors {
                group.addTask { [self] in await digest(of: mirror, partitions, by: deadline) }
            }
            var own = Meridian_V1_RegionDigest()
            own.region = region
            own.regionName = control.facts.regionName
            own.partitions = await ownDigests(of: Set(partitions))
            if let content = await control.contentReport() { own.content = Meridian_V1_ContentDigest(content) }
            var regions = [own]
            for await one in group { regions.append(one) }
            regions += unasked(besides: Set(regions.map(\.region)))
            return regions.sorted { $0.region < $1.region }
        }
    }

    /// Regions that another one lists and this one does not: nothing is equal to what nobody asked for.
    private func unasked(besides known: Set<UInt32>) -> [Meridian_V1_RegionDigest] {
        var missing: [UInt32: Meridian_V1_RegionDigest] = [:]
        for mirror in control.mirrors {
            for case let member? in mirror.findings.map(\.unlisted)
            where !known.contains(UInt32(member.number.rawValue)) {
                var reply = Meridian_V1_RegionDigest()
                reply.region = UInt32(member.number.rawValue)
                reply.regionName = member.name
                reply.failure =
                    "region \(member.name) was not asked: region \(mirror.name) lists it, and this region does not"
                missing[reply.region] = reply
            }
        }
        return Array(missing.values)
    }

    private func digest(
        of peer: MirrorFacts, _ partitions: [PartitionID], by deadline: BootInstant
    ) async -> Meridian_V1_RegionDigest {
        var reply = Meridian_V1_RegionDigest()
        reply.region = UInt32(peer.region.rawValue)
        reply.regionName = peer.name
        do throws(PeerFailure) {
            reply.partitions = try await control.peerReports(
                of: peer.region, partitions: partitions, by: deadline
            )
            .sorted { $0.partition < $1.partition }.map(Meridian_V1_PartitionDigest.init)
            reply.content = Meridian_V1_ContentDigest(try await control.contentReport(of: peer.region, by: deadline))
        } catch {
            reply.failure = "\(error)"
        }
        return reply
    }
}

extension Meridian_V1_PartitionDigest {
    init(_ report: ShardReport) {
        self.init()
        partition = report.partition.rawValue
        applyVersion = report.applyVersion
        vector = report.vector.entries.map(Meridian_V1_VectorEntry.init)
        digest = report.digest.description
        users = UInt64(clamping: report.users)
        markerRows = UInt64(clamping: report.markerRows)
        indexedIds = UInt64(clamping: report.indexedIDs)
        unflushedRecords = UInt64(clamping: report.unflushedRecords)
    }
}

extension Meridian_V1_ContentDigest {
    init(_ report: ContentReport) {
        self.init()
        applyVersion = report.applyVersion
        vector = report.vector.entries.map(Meridian_V1_VectorEntry.init)
        digest = report.digest.description
        contents = UInt64(clamping: report.contents)
    }
}
