// A region on a simulated machine that answers reads, reports and health checks after a while.

import ClusterModel
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import SwiftProtobuf
import Synchronization

@testable import MeridianClient

/// Answers after `pause`; remembers how many calls came and how many of them their callers gave up.
final class SimulatedRegion: CallHandler {
    static let read = "/meridian.v1.DeliveryService/NextContent"
    static let report = "/meridian.v1.InteractionService/Report"
    static let health = "/grpc.health.v1.Health/Check"

    private struct State {
        /// Before a read or a report is answered; health checks are answered at once.
        var pause = Duration.milliseconds(1)
        var arrived: [String: Int] = [:]
        var givenUp = 0
    }

    private let number: Int
    private let clock: any NodeClock
    private let state = Mutex(State())

    /// Serves on `machine` from its present start on.
    init(number: Int, on machine: SimulatedMachine, at endpoint: Endpoint) {
        self.number = number
        clock = machine.environment.clock
        machine.start { environment in
            _ = try await environment.links.listen(on: endpoint, security: .plaintext, handler: self)
            try await environment.clock.sleep(for: .seconds(86_400))
        }
    }

    let methods = [SimulatedRegion.read, SimulatedRegion.report, SimulatedRegion.health]

    func set(pause: Duration) { state.withLock { $0.pause = pause } }

    func arrived(_ path: String) -> Int { state.withLock { $0.arrived[path] ?? 0 } }

    var givenUp: Int { state.withLock(\.givenUp) }

    func handle(_ call: UnaryCall) {
        let path = methods[call.method]
        let pause = state.withLock { state in
            state.arrived[path, default: 0] += 1
            return state.pause
        }
        guard path != Self.health else {
            var reply = Grpc_Health_V1_HealthCheckResponse()
            reply.status = .serving
            return send(reply, call)
        }
        let work: @Sendable () -> Void = { [self] in
            if !call.isLive { state.withLock { $0.givenUp += 1 } }
            if path == Self.read {
                var reply = Meridian_V1_NextContentReply()
                reply.region = UInt32(number)
                send(reply, call)
            } else {
                var reply = Meridian_V1_ReportReply()
                reply.region = UInt32(number)
                send(reply, call)
            }
        }
        _ = call.executor.schedule(at: clock.bootTime().advanced(by: pause), work)
    }

    private func send(_ reply: some Message, _ call: UnaryCall) {
        // These messages always encode; a call without an answer would fail the test.
        guard let bytes = try? reply.encodedBuffer() else { return }
        call.succeed(bytes)
    }
}

/// Two regions and a phone.
struct SimulatedRegions {
    let simulation: Simulation
    let regions: [SimulatedRegion]
    let client: MeridianClient
    static let phone = "phone"
    static let names = ["a", "b"]

    init(seed: UInt64, _ change: (inout MeridianClient.Configuration) -> Void = { _ in }) throws {
        let simulation = Simulation(seed: seed)
        self.simulation = simulation
        let addresses = Self.names.map { Endpoint(host: $0, port: 7_420) }
        regions = Self.names.enumerated().map { number, name in
            SimulatedRegion(number: number, on: simulation.machine(name), at: addresses[number])
        }
        let endpoints = zip(Self.names, addresses).compactMap { name, address in
            RegionEndpoints(name: name, [address], security: .plaintext)
        }
        var configuration = MeridianClient.Configuration()
        change(&configuration)
        client = try MeridianClient(
            regions: endpoints, environment: simulation.machine(Self.phone).environment, configuration: configuration)
        simulation.run(for: .milliseconds(10))
    }

    /// Nothing that is sent to the region arrives any more.
    func cutOff(_ region: Int) { simulation.network.cut(Self.phone, Self.names[region]) }

    func heal(_ region: Int) { simulation.network.heal(Self.phone, Self.names[region]) }

    var clock: any NodeClock { simulation.machine(Self.phone).environment.clock }
}
