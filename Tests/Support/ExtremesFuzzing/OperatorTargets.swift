// What operators ask, and the small files that a start believes: groups' cursors and operators' acts.

import ClusterModel
import GRPCFraming
import Logging
import MeridianNode
import MeridianProtocol
import Metrics
import NIOCore
import NodeEnvironment
import OperatorAPI
import Personalization
import ServingAPI
import SimulatedEnvironment
import SwiftProtobuf
import Synchronization

/// Requests in protobuf; the first byte is the method's number.
struct OperatorTarget: ExtremesTarget {
    let name = "operators"
    // Each runs the queue of a node in a simulation of its own.
    let grammar = ExtremesGrammar(bounds: [64, 63, UInt64(UInt32.max)], share: 8)

    var seeds: [[UInt8]] {
        var status = Meridian_V1_StatusRequest()
        status.includePartitions = true
        var digest = Meridian_V1_DigestRequest()
        digest.partitions = [0, 5, 63]
        digest.allRegions = true
        var resume = Meridian_V1_ResumeRequest()
        resume.trustClock = true
        var evacuate = Meridian_V1_EvacuateRequest()
        evacuate.force = true
        let requests: [(UInt8, any SwiftProtobuf.Message)] = [
            (0, status), (1, digest), (2, Meridian_V1_DrainRequest()), (3, resume), (4, evacuate),
            (5, Meridian_V1_LogStatsRequest()),
        ]
        return requests.compactMap { method, request in
            // A request that cannot be encoded is missing in the run's figures.
            (try? request.serializedBytes() as [UInt8]).map { [method] + $0 }
        }
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let method = bytes.first else { return false }
        let simulation = Simulation(seed: 1)
        let environment = simulation.machine("operators").environment
        // A simulation that does not come to its end took nothing.
        return
            (try? simulation.drive(limit: .seconds(10)) {
                await Self.ask(Int(method), Array(bytes.dropFirst()), environment)
            }) ?? false
    }

    /// Whether it was answered with a message.
    private static func ask(_ method: Int, _ bytes: [UInt8], _ environment: NodeEnvironment) async -> Bool {
        let admission = AdmissionControl(limits: AdmissionLimits())
        let status = NodeStatus(
            facts: NodeFacts(
                deploymentID: "shop", node: "n1", region: RegionNumber(1), regionName: "r1", version: "1",
                partitions: .standard),
            clock: environment.clock, admission: admission,
            logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
        let queue = OperatorQueue()
        let api = OperatorAPI(
            control: status, queue: queue, clock: environment.clock,
            refusals: ServingMetrics(factory: NOOPMetricsHandler.instance), metrics: NOOPMetricsHandler.instance)
        guard method < api.methods.count else { return false }
        let answer = OperatorAnswer()
        api.handle(
            UnaryCall(
                method: method, message: ByteBuffer(bytes: bytes), metadata: CallMetadata(), deadline: nil,
                peer: PeerIdentity(certificateURI: nil, address: "extremes"), executor: environment.executors.loops[0],
                responder: answer, token: CallToken(stream: 1, generation: 0)))
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            let isTaken = await answer.isTaken()
            group.cancelAll()
            return isTaken
        }
    }
}

private final class OperatorAnswer: CallResponder {
    private let answers = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingOldest(1))

    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata) {
        answers.continuation.yield(true)
    }
    func fail(_ token: CallToken, _ status: RPCStatus) { answers.continuation.yield(false) }
    func isLive(_ token: CallToken) -> Bool { true }

    func isTaken() async -> Bool {
        for await answer in answers.stream { return answer }
        return false
    }
}

/// The file of a group's cursor.
struct GroupTarget: ExtremesTarget {
    let name = "groups"
    let grammar = ExtremesGrammar(bounds: [64, 4_095, 4_096, WallTime.mask], strides: [10])

    var seeds: [[UInt8]] {
        guard let group = StreamGroup(name: "search", topic: .interactions) else { return [] }
        var position = EffectPosition()
        for region in [RegionNumber(1), RegionNumber(2)] {
            position.settle(region, below: Incarnation(7))
            position.advance(region, Incarnation(9), to: Offset(40))
        }
        return [0, 1, 3].map { count in
            let partitions = (0..<UInt32(count)).map { (PartitionID($0), position) }
            let cursor = StreamCursor(Dictionary(uniqueKeysWithValues: partitions))
            return GroupFiles.encode(CommittedCursor(cursor: cursor, committedAt: ExtremesSamples.now), of: group)
        }
    }

    func seal(_ bytes: inout [UInt8]) { Checksums.sealWhole(&bytes) }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let (group, committed) = try? GroupFiles.decode(bytes) else { return false }
        var cursor = committed.cursor
        cursor.take(cursor)
        _ = GroupFiles.key(of: group)
        let again = GroupFiles.encode(CommittedCursor(cursor: cursor, committedAt: committed.committedAt), of: group)
        return (try? GroupFiles.decode(again)) != nil
    }
}

/// The file of operators' acts.
struct OperatorJournalTarget: ExtremesTarget {
    let name = "operator-journal"
    let grammar = ExtremesGrammar(bounds: [32, 256, 1_024, WallTime.mask])

    var seeds: [[UInt8]] {
        let event = OperatorEvent(.forcedEvacuation, at: ExtremesSamples.now, caller: "ann", reason: "no room")
        return [0, 1, 32].map { OperatorJournal.encode(Array(repeating: event, count: $0)) }
    }

    func seal(_ bytes: inout [UInt8]) { Checksums.sealWhole(&bytes) }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let events = try? OperatorJournal.decode(bytes) else { return false }
        return OperatorJournal.encode(events) == bytes
    }
}
