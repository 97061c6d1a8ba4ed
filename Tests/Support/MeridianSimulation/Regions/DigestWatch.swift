// Compares the regions' digests while they run, and waits until they have caught up with each other (S10).

import ClusterModel
import MergeableState
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Synchronization

/// One region's answer.
struct RegionDigests: Sendable {
    struct Partition: Sendable {
        var vector: VersionVector
        var digest: String
        var indexedIDs: UInt64
    }

    var partitions: [PartitionID: Partition] = [:]

    init(_ reply: Meridian_V1_DigestReply) {
        for partition in reply.partitions {
            partitions[PartitionID(partition.partition)] = Partition(
                vector: VersionVector(
                    partition.vector.map {
                        VersionVector.Entry(
                            region: RegionNumber(UInt16($0.region)), incarnation: Incarnation($0.incarnation),
                            next: Offset($0.next))
                    }), digest: partition.digest, indexedIDs: partition.indexedIds)
        }
    }

    /// One entry a region: everything older is agreed and applied.
    func isSettled(regions: Int) -> Bool {
        partitions.values.allSatisfy { partition in
            Set(partition.vector.entries.map(\.region)).count == regions && partition.vector.entries.count == regions
        }
    }

    /// Whether all that `other` had applied is applied here, on the same lines.
    func contains(_ other: RegionDigests) -> Bool {
        other.partitions.allSatisfy { number, partition in
            guard let own = partitions[number] else { return false }
            return partition.vector.entries.allSatisfy { entry in
                own.vector.entries.contains {
                    $0.region == entry.region && $0.incarnation == entry.incarnation && $0.next >= entry.next
                }
            }
        }
    }

    /// Whether both stand on the same incarnations.
    func isOnLines(of other: RegionDigests) -> Bool {
        partitions.mapValues { $0.vector.entries.map(\.incarnation) }
            == other.partitions.mapValues { $0.vector.entries.map(\.incarnation) }
    }

    func equals(_ other: RegionDigests) -> Bool {
        partitions.mapValues(\.digest) == other.partitions.mapValues(\.digest)
    }
}

/// Remembers every (vector, digest) that any region showed. Thread-safe.
final class DigestWatch: Sendable {
    private struct Key: Hashable {
        let partition: PartitionID
        let vector: VersionVector
    }

    private static let pause = Duration.milliseconds(25)

    private let deployment: RegionDeployment
    private let clients: [MeridianClient]
    private let ledger: RegionLedger
    private let seen = Mutex<[Key: (digest: String, region: Int)]>([:])

    init(deployment: RegionDeployment, clients: [MeridianClient], ledger: RegionLedger) {
        self.deployment = deployment
        self.clients = clients
        self.ledger = ledger
    }

    private var clock: any NodeClock { deployment.phonesClock }

    /// Nil where the region does not answer.
    func ask(_ region: Int) async -> RegionDigests? {
        // A region that is down, or starts, has no digest.
        guard let reply = try? await clients[region].digest(options: CallOptions(timeout: .milliseconds(300))) else {
            return nil
        }
        let digests = RegionDigests(reply)
        remember(digests, of: region)
        return digests
    }

    /// Nil where one of them does not answer.
    func askAll() async -> [RegionDigests]? {
        var all: [RegionDigests] = []
        for region in clients.indices {
            guard let digests = await ask(region) else { return nil }
            all.append(digests)
        }
        return all
    }

    private func remember(_ digests: RegionDigests, of region: Int) {
        seen.withLock { seen in
            for (number, partition) in digests.partitions {
                let key = Key(partition: number, vector: partition.vector)
                guard let known = seen[key] else {
                    seen[key] = (partition.digest, region)
                    continue
                }
                if known.region != region { ledger.saw(.vectorsMet) }
                guard known.digest != partition.digest else { continue }
                ledger.violated(
                    "S10",
                    "partition \(number.rawValue): regions \(known.region + 1) and \(region + 1) differ at "
                        + partition.vector.short)
            }
        }
    }

    /// Asks around until `isOver`.
    func run(until isOver: @Sendable () -> Bool) async {
        var region = 0
        while !isOver() {
            _ = await ask(region)
            region = (region + 1) % clients.count
            // Only cancellation ends it early, and nobody cancels it.
            try? await clock.sleep(for: .milliseconds(150))
        }
    }

    /// Waits until every region has applied what any of them had when this began and nothing older is open. Whether
    /// that came within `limit`.
    func catchUp(within limit: Duration) async -> Bool {
        let end = clock.bootTime().advanced(by: limit)
        var marks: [RegionDigests]?
        while clock.bootTime() < end {
            if let all = await askAll(), all.allSatisfy({ $0.isSettled(regions: clients.count) }) {
                if let marks, marks.allSatisfy({ mark in all.allSatisfy { $0.contains(mark) } }) {
                    deployment.noteCatchUp()
                    return true
                }
                // New starts in between make a new line of everything.
                let isSameLine = marks?.allSatisfy { mark in all.contains { $0.contains(mark) } } ?? false
                if !isSameLine { marks = all }
            }
            // Only cancellation ends it early, and nobody cancels it.
            try? await clock.sleep(for: Self.pause)
        }
        return false
    }

    /// Waits until all show equal digests on the same lines, with no user active, and have applied whatever any of them
    /// had then: equal digests alone may hide a record that changes nothing. The last answers either way.
    func converge(within limit: Duration) async -> (isEqual: Bool, last: [RegionDigests?]) {
        let end = clock.bootTime().advanced(by: limit)
        var last: [RegionDigests?] = []
        var marks: [RegionDigests]?
        while clock.bootTime() < end {
            last = []
            for region in clients.indices { last.append(await ask(region)) }
            let all = last.compactMap { $0 }
            let isEqual =
                all.count == clients.count
                && all.allSatisfy { $0.isSettled(regions: all.count) && $0.equals(all[0]) && $0.isOnLines(of: all[0]) }
            if !isEqual {
                marks = nil
            } else if let marks, marks.allSatisfy({ mark in all.allSatisfy { $0.contains(mark) } }) {
                return (true, last)
            } else if marks == nil {
                marks = all
            }
            // Only cancellation ends it early, and nobody cancels it.
            try? await clock.sleep(for: Self.pause)
        }
        return (false, last)
    }
}

extension VersionVector {
    /// For messages.
    var short: String {
        entries.map { "\($0.region.rawValue)@\(String($0.incarnation.rawValue, radix: 16)):\($0.next.rawValue)" }
            .joined(separator: " ")
    }
}
