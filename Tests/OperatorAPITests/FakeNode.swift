// A node that remembers what it was told.

import ClusterModel
import EventLog
import MergeableState
import Personalization
import Synchronization

@testable import OperatorAPI

/// Two partitions; everything else can be set.
final class FakeNode: NodeControl {
    struct Script: Sendable {
        var state = NodeState.active
        var mirrors: [MirrorFacts] = []
        var unmirrored: UInt64?
        var clock = ClockVerdict.trusted
        var callsInFlight = 0
        var unflushedRecords = 1
        var replicas = ReplicaFacts()
        /// By region; one that is not here cannot be reached.
        var peers: [RegionNumber: [ShardReport]] = [:]
        var timesClockWasTrusted = 0
        var upkeep = LogUpkeepFacts()
        var isAccessOpen = false
        var credentials: [CredentialExpiry] = []
        var occupancy = StateOccupancy()
        /// By region; one that is not here has room for everybody.
        var capacities: [RegionNumber: Result<RegionCapacity, PeerFailure>] = [:]
        var events: [OperatorEvent] = []
        /// A region that answers nothing until this ends.
        var silent: (region: RegionNumber, until: AsyncStream<Void>)?
    }

    /// The region is there and says nothing, until the stream is finished.
    func silence(_ region: RegionNumber) -> (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation) {
        let silence = AsyncStream.makeStream(of: Void.self)
        var facts = MirrorFacts(region: region, name: "far")
        facts.isConnected = false
        script.withLock { [facts] script in
            script.silent = (region, silence.stream)
            script.mirrors = [facts]
        }
        return silence
    }

    let script = Mutex(Script())

    let facts = NodeFacts(
        deploymentID: "shop", node: "n1", region: RegionNumber(2), regionName: "eu \"west\"", version: "1.2",
        partitions: .standard)
    var state: NodeState {
        get { script.withLock(\.state) }
        set { script.withLock { $0.state = newValue } }
    }
    var uptime: Duration { .milliseconds(1_500) }
    var recovery: RecoveryFacts? {
        RecoveryFacts(
            wasClean: false, batches: 3, records: 40, cutBytes: 17, corruptRanges: 0, duration: .milliseconds(20))
    }
    var isAccessOpen: Bool { script.withLock(\.isAccessOpen) }
    var upkeep: LogUpkeepFacts { script.withLock(\.upkeep) }
    var callsInFlight: Int { script.withLock(\.callsInFlight) }
    var mirrors: [MirrorFacts] { script.withLock(\.mirrors) }
    var unmirrored: UInt64? { script.withLock(\.unmirrored) }
    var credentials: [CredentialExpiry] { script.withLock(\.credentials) }
    var occupancy: StateOccupancy { script.withLock(\.occupancy) }
    var clock: ClockVerdict { script.withLock(\.clock) }

    func drain() async { state = .draining }
    func resume() async { state = .active }
    func trustClock() async { script.withLock { $0.timesClockWasTrusted += 1 } }

    func evacuate() async -> Bool {
        guard state != .starting, state != .draining else { return false }
        state = .evacuated
        return true
    }

    func shardReports() async -> [ShardReport] {
        let unflushed = script.withLock(\.unflushedRecords)
        return [5, 1].map { Self.report(of: $0, unflushed: unflushed) }
    }

    static func report(of partition: UInt32, unflushed: Int = 0) -> ShardReport {
        ShardReport(
            partition: PartitionID(partition), applyVersion: 1,
            vector: VersionVector([
                VersionVector.Entry(region: RegionNumber(2), incarnation: Incarnation(8), next: Offset(12))
            ]), digest: Digest128(high: 0, low: UInt64(partition)), users: 10, markerRows: 3, indexedIDs: 4,
            unflushedRecords: unflushed)
    }

    static var catalogue: ContentReport {
        ContentReport(
            applyVersion: 1,
            vector: VersionVector([
                VersionVector.Entry(region: RegionNumber(2), incarnation: Incarnation(8), next: Offset(3))
            ]), digest: Digest128(high: 0, low: 77), contents: 4)
    }

    func contentReport() async -> ContentReport? { Self.catalogue }

    func contentReport(of region: RegionNumber, by deadline: BootInstant) async throws(PeerFailure) -> ContentReport {
        guard script.withLock({ $0.peers[region] }) != nil else {
            throw PeerFailure(region: region, name: "far", cause: .timedOut, detail: "no reply")
        }
        return Self.catalogue
    }

    func peerReports(
        of region: RegionNumber, partitions: [PartitionID], by deadline: BootInstant
    ) async throws(PeerFailure) -> [ShardReport] {
        if let silent = script.withLock(\.silent), silent.region == region {
            for await _ in silent.until {}
        }
        guard let reports = script.withLock({ $0.peers[region] }) else {
            throw PeerFailure(region: region, name: "far", cause: .timedOut, detail: "no reply")
        }
        return reports.filter { partitions.contains($0.partition) }
    }

    static var roomy: RegionCapacity {
        var capacity = RegionCapacity(state: .active)
        (capacity.freeBytes, capacity.neededBytes) = (1 << 40, 1 << 30)
        (capacity.lagMilliseconds, capacity.lagLimitMilliseconds) = (5, 30_000)
        (capacity.users, capacity.userLimit) = (20, 1_000)
        (capacity.callsInFlight, capacity.callLimit) = (3, 100)
        return capacity
    }

    func capacity(of region: RegionNumber, by deadline: BootInstant) async throws(PeerFailure) -> RegionCapacity {
        try (script.withLock { $0.capacities[region] } ?? .success(Self.roomy)).get()
    }

    var operatorEvents: [OperatorEvent] { script.withLock(\.events) }

    func record(_ event: OperatorEvent) async { script.withLock { $0.events.append(event) } }

    var stoppedReplicas: [StoppedLog] { script.withLock(\.replicas).stoppedLogs }

    func replicaFacts() async -> ReplicaFacts { script.withLock(\.replicas) }

    func logSummaries() async -> [LogSummary] {
        [
            LogSummary(
                log: LogIdentity(
                    name: LogName(region: RegionNumber(2), topic: .userEvents, partition: PartitionID(1)),
                    incarnation: Incarnation(8)), base: Offset(0), baseDigest: .zero, flushedEnd: Offset(12),
                endDigest: Digest128(high: 0, low: 15), lastStamp: HybridStamp(at: WallTime(milliseconds: 99)),
                epoch: Epoch(1))
        ]
    }
}
