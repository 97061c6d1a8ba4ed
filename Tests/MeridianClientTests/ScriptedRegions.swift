// Several regions, each of which answers as it is told at the moment, and what they were asked.

import ClusterModel
import Foundation
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import SwiftProtobuf
import Synchronization

@testable import MeridianClient

/// Regions "a", "b"… of one deployment: events that one of them took are known to the others, as after mirroring. A call
/// takes `trip`; one that nobody answers takes until its deadline.
final class ScriptedRegions: Links {
    enum Mood: Sendable {
        case well
        case refuses(RPCStatus)
        /// Takes the events, and dies before it answers.
        case diesMidCall
        case silent
    }

    struct Call: Sendable {
        var region: Int
        var path: String
        var message: ByteBuffer
        var startedAt: BootInstant
        var deadline: BootInstant?
    }

    private struct State {
        var moods: [Mood]
        var calls: [Call] = []
        var known: Set<Meridian_V1_EventID> = []
        /// Mood by call number, before the standing mood.
        var onCall: (@Sendable (Int, inout [Mood]) -> Void)?
    }

    let stepped: SteppedEnvironment
    let trip: Duration
    private let state: Mutex<State>
    static let gone = Mood.refuses(RPCStatus(.unavailable, "connection refused"))

    init(_ moods: [Mood], trip: Duration = .milliseconds(2), seed: UInt64 = 1) {
        stepped = SteppedEnvironment(seed: seed)
        self.trip = trip
        state = Mutex(State(moods: moods))
    }

    /// `retry` as a client of several regions has it by default.
    func makeClient(_ change: (inout MeridianClient.Configuration) -> Void = { _ in }) throws -> MeridianClient {
        let base = stepped.environment
        let environment = NodeEnvironment(
            clock: base.clock, entropy: base.entropy, executors: base.executors, files: base.files, links: self)
        let count = state.withLock(\.moods.count)
        let regions = (0..<count).compactMap { number in
            RegionEndpoints(
                name: Self.name(number), [Endpoint(host: "127.0.0.1", port: 7_000 + number)], security: .plaintext)
        }
        var configuration = MeridianClient.Configuration()
        change(&configuration)
        return try MeridianClient(regions: regions, environment: environment, configuration: configuration)
    }

    static func name(_ region: Int) -> String { ["a", "b", "c"][region] }

    var calls: [Call] { state.withLock(\.calls) }
    var now: BootInstant { stepped.clock.bootTime() }
    /// The regions that were asked, in order.
    var visited: [Int] { calls.map(\.region) }

    func set(_ region: Int, _ mood: Mood) { state.withLock { $0.moods[region] = mood } }

    /// Runs before each call is judged.
    func onCall(_ change: @escaping @Sendable (Int, inout [Mood]) -> Void) { state.withLock { $0.onCall = change } }

    func pass(_ duration: Duration) { stepped.clock.advance(by: duration) }

    // MARK: Links

    func listen(
        on endpoint: Endpoint, security: LinkSecurity, handler: any CallHandler
    ) async throws(LinkError) -> any Listener {
        throw LinkError(.badAddress, "scripted regions do not listen")
    }

    func servePages(on endpoint: Endpoint, handler: any PageHandler) async throws(LinkError) -> any Listener {
        throw LinkError(.badAddress, "scripted regions do not listen")
    }

    func channel(to endpoint: Endpoint, security: LinkSecurity) throws(LinkError) -> any CallChannel {
        RegionChannel(region: endpoint.port - 7_000, regions: self)
    }

    // MARK: Answers

    fileprivate func answer(_ call: Call) throws(RPCStatus) -> ByteBuffer {
        let mood = state.withLock { state in
            state.onCall?(state.calls.count, &state.moods)
            state.calls.append(call)
            return state.moods[call.region]
        }
        switch mood {
        case .well:
            pass(trip)
            return try reply(to: call)
        case .refuses(let status):
            pass(.microseconds(200))
            throw status
        case .diesMidCall:
            pass(trip)
            _ = try reply(to: call)
            throw RPCStatus(.unavailable, "connection reset")
        case .silent:
            pass(call.deadline?.since(now) ?? .seconds(3_600))
            throw RPCStatus(.deadlineExceeded, "the deadline has passed")
        }
    }

    private func reply(to call: Call) throws(RPCStatus) -> ByteBuffer {
        do {
            switch call.path {
            case "/meridian.v1.InteractionService/Report":
                return try report(Meridian_V1_ReportRequest(reading: call.message), call.region).encodedBuffer()
            case "/meridian.v1.DeliveryService/NextContent":
                var reply = Meridian_V1_NextContentReply()
                reply.region = UInt32(call.region)
                reply.sessionToken = Data([UInt8(call.region), UInt8(truncatingIfNeeded: calls.count)])
                return try reply.encodedBuffer()
            default:
                return ByteBuffer()
            }
        } catch {
            throw RPCStatus(.internal, "\(error)")
        }
    }

    private func report(_ request: Meridian_V1_ReportRequest, _ region: Int) -> Meridian_V1_ReportReply {
        var reply = Meridian_V1_ReportReply()
        reply.region = UInt32(region)
        reply.sessionToken = request.sessionToken + Data([UInt8(region)])
        for event in request.events {
            var result = Meridian_V1_EventResult()
            result.id = event.id
            result.outcome = state.withLock { $0.known.insert(event.id).inserted } ? .applied : .duplicate
            reply.results.append(result)
        }
        return reply
    }
}

private struct RegionChannel: CallChannel {
    let region: Int
    let regions: ScriptedRegions

    func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
    ) async throws(RPCStatus) -> UnaryReply {
        UnaryReply(
            message: try regions.answer(
                ScriptedRegions.Call(
                    region: region, path: path, message: message, startedAt: regions.now, deadline: deadline)))
    }

    func close() async {}
}
