// A loop under load, as a queue in front of the real API: calls arrive at random times, wait in sockets until the loop's
// next turn, and take the time that a server would take. Everything but that time is the code that ships.

import ClusterModel
import Foundation
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import SimulatedEnvironment
import Synchronization

@testable import ServingAPI

/// One run. Time is the fixture's clock; nothing is random but for the seed.
struct OverloadModel {
    struct Outcome {
        var offered = [0, 0, 0]
        /// Answered OK within the caller's deadline, by class.
        var good = [0, 0, 0]
        var late = 0
        var refused = 0
        var expired = 0
        /// Of good calls.
        var waits: [Duration] = []
        /// Of health checks, which nobody refuses.
        var longestHealthWait = Duration.zero

        var goodput: Int { good.reduce(0, +) }

        func share(_ priority: CallPriority) -> Double {
            Double(good[priority.rawValue]) / Double(max(1, offered[priority.rawValue]))
        }
    }

    private struct Arrival {
        var at: BootInstant
        var priority: CallPriority
    }

    /// What a served call and a refused one cost the loop.
    static let service = Duration.milliseconds(2)
    static let refusal = Duration.microseconds(10)
    static let capacity = 500.0
    static let deadline = Duration.milliseconds(250)
    /// Of offered calls: prefetch, write, unlock.
    static let mix = [0.3, 0.2, 0.5]

    private let fixture: ServingFixture
    private let clock: any NodeClock
    private var generator: SeededGenerator
    private let slate: ByteBuffer
    private let report: ByteBuffer
    private var outcome = Outcome()

    init(seed: UInt64, load: LoadSettings) throws {
        fixture = try ServingFixture(limits: AdmissionLimits(load: load), seed: seed)
        clock = fixture.environment.clock
        generator = SeededGenerator(seed: seed)
        var request = Meridian_V1_NextContentRequest()
        request.userID = ServingFixture.user
        request.count = 1
        slate = try request.encodedBuffer()
        report = try ReportTests.request([ReportTests.event()]).encodedBuffer()
        let stepped = fixture.stepped.clock
        fixture.shards.state.withLock { state in
            state.slate = { query in
                stepped.advance(by: Self.service)
                return .success(ScriptedShards.slate(query))
            }
            state.report = { events, user in
                stepped.advance(by: Self.service)
                return .success(ScriptedShards.applied(events, of: user))
            }
        }
    }

    /// Offers `factor` times what the loop can do; counts what arrives after the first second.
    mutating func run(factor: Double, seconds: Int) throws -> Outcome {
        let start = clock.bootTime()
        let counted = start.advanced(by: .seconds(1))
        let end = start.advanced(by: .seconds(seconds + 1))
        var next = arrival(after: start, factor)
        var waiting: [Arrival] = []
        var previousTurn = start
        var lastEnd = start
        while true {
            if next.at > clock.bootTime(), waiting.isEmpty {
                guard next.at < end else { return outcome }
                fixture.stepped.clock.advance(by: next.at.since(clock.bootTime()))
            }
            let turn = clock.bootTime()
            while next.at <= turn, next.at < end {
                waiting.append(next)
                next = arrival(after: next.at, factor)
            }
            // The rule of the transport: what a turn reads came after the turn before began, or just now after a sleep.
            let earliest = turn == lastEnd ? previousTurn : turn
            for call in waiting { try serve(call, turn: turn, arrivedAt: earliest, isCounted: call.at >= counted) }
            try checkHealth(since: turn, after: counted)
            waiting.removeAll(keepingCapacity: true)
            previousTurn = turn
            lastEnd = clock.bootTime()
            if next.at >= end { return outcome }
        }
    }

    private mutating func arrival(after instant: BootInstant, _ factor: Double) -> Arrival {
        let uniform = (Double(generator.next() >> 11) + 1) / Double(1 << 53)
        let gap = -log(uniform) / (Self.capacity * factor)
        var draw = Double(generator.next() >> 11) / Double(1 << 53)
        var priority = CallPriority.unlock
        for candidate in CallPriority.allCases {
            if draw < Self.mix[candidate.rawValue] {
                priority = candidate
                break
            }
            draw -= Self.mix[candidate.rawValue]
        }
        return Arrival(at: instant.advanced(by: .nanoseconds(Int64(gap * 1e9) + 1)), priority: priority)
    }

    private mutating func serve(
        _ call: Arrival, turn: BootInstant, arrivedAt: BootInstant, isCounted: Bool
    ) throws {
        var metadata = CallMetadata()
        if call.priority == .prefetch { metadata.append(CallPriority.header, "prefetch") }
        let isWrite = call.priority == .write
        let token = try fixture.start(
            isWrite ? .report : .nextContent, bytes: isWrite ? report : slate,
            deadline: turn.advanced(by: Self.deadline), metadata: metadata, arrivedAt: arrivedAt)
        guard let end = fixture.ends(of: token).first else { return }
        if case .status = end { fixture.stepped.clock.advance(by: Self.refusal) }
        guard isCounted else { return }
        outcome.offered[call.priority.rawValue] += 1
        let wait = clock.bootTime().since(call.at)
        switch end {
        case .reply where wait <= Self.deadline:
            outcome.good[call.priority.rawValue] += 1
            outcome.waits.append(wait)
        case .reply: outcome.late += 1
        case .status(let status) where status.code == .deadlineExceeded: outcome.expired += 1
        case .status: outcome.refused += 1
        }
    }

    /// One that arrived when the turn began, at its end: the worst place.
    private mutating func checkHealth(since turn: BootInstant, after counted: BootInstant) throws {
        let token = try fixture.start(.checkHealth, bytes: ByteBuffer(), arrivedAt: turn)
        guard case .reply = fixture.ends(of: token).first, turn >= counted else { return }
        outcome.longestHealthWait = max(outcome.longestHealthWait, clock.bootTime().since(turn))
    }
}
