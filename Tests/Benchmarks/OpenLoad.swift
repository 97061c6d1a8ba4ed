// Calls at a rate, whatever becomes of them: nobody waits for an answer before the next call goes out.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import OperatorCommands

/// How one call ended, as its caller sees it.
enum OpenCallEnd: Sendable {
    case good
    /// RESOURCE_EXHAUSTED or UNAVAILABLE by the server's word.
    case refused
    /// No answer within the deadline, from whomever the caller heard it.
    case late
    case failed(String)
}

/// What became of the calls of one class.
struct OpenClassOutcome: Sendable {
    var sent = 0
    var good = 0
    var refused = 0
    var late = 0
    var failed = 0
    /// Of good calls, from the moment when they were due.
    var latency = LatencyHistogram()

    mutating func count(_ end: OpenCallEnd, _ latency: Duration) {
        switch end {
        case .good:
            good += 1
            self.latency.record(latency)
        case .refused: refused += 1
        case .late: late += 1
        case .failed: failed += 1
        }
    }
}

struct OpenOutcome: Sendable {
    var classes = [OpenClassOutcome](repeating: OpenClassOutcome(), count: OpenLoad.classes.count)
    /// Calls that were due and not sent, since too many waited already: the generator's own limit.
    var unsent = 0
    var elapsed = Duration.zero
    var lastFailure: String?

    func total(_ part: (OpenClassOutcome) -> Int) -> Double {
        Double(classes.reduce(0) { $0 + part($1) }) / max(0.001, elapsed / .seconds(1))
    }
}

/// An open loop over many connections.
struct OpenLoad: Sendable {
    /// Names of classes, and their parts of a hundred calls.
    static let classes = [("unlock", 50), ("write", 20), ("prefetch", 30)]
    private static let tick = Duration.milliseconds(1)

    var rate: Double
    var duration: Duration
    var deadline: Duration
    /// Calls under way at once.
    var maxWaiting = 16_000

    /// `request(class, number)` gives the next request of a class.
    func run(
        over channels: [any CallChannel], clock: any NodeClock,
        request: @escaping @Sendable (Int, UInt64) -> PreparedRequest
    ) async throws -> OpenOutcome {
        let started = clock.bootTime()
        var outcome = OpenOutcome()
        var number: UInt64 = 0
        var waiting = 0
        try await withThrowingTaskGroup(of: (Int, OpenCallEnd, Duration).self) { group in
            func take(_ ended: (Int, OpenCallEnd, Duration)) {
                waiting -= 1
                outcome.classes[ended.0].count(ended.1, ended.2)
                if case .failed(let reason) = ended.1 { outcome.lastFailure = reason }
            }
            while clock.bootTime().since(started) < duration {
                let due = UInt64(clock.bootTime().since(started) / .seconds(1) * rate)
                while number < due {
                    let place = Self.place(number)
                    let call = request(place, number)
                    let channel = channels[Int(number % UInt64(channels.count))]
                    let at = started.advanced(by: .nanoseconds(Int64(Double(number) / rate * 1e9)))
                    number += 1
                    // Answers are taken as the loop goes, or their tasks would pile up.
                    while waiting >= maxWaiting / 2, let ended = try await group.next() {
                        take(ended)
                        guard waiting >= maxWaiting, clock.bootTime().since(at) > deadline else { break }
                    }
                    guard waiting < maxWaiting else {
                        outcome.unsent += 1
                        continue
                    }
                    waiting += 1
                    outcome.classes[place].sent += 1
                    let limit = deadline
                    group.addTask { await Self.send(call, place, channel, at: at, within: limit, clock: clock) }
                }
                try await clock.sleep(for: Self.tick)
            }
            outcome.elapsed = clock.bootTime().since(started)
            for try await ended in group { take(ended) }
        }
        return outcome
    }

    /// The class of the n-th call: its part of any hundred, evenly.
    static func place(_ number: UInt64) -> Int {
        var draw = Int((number &* 37) % 100)
        for (place, part) in classes.map(\.1).enumerated() {
            if draw < part { return place }
            draw -= part
        }
        return 0
    }

    private static func send(
        _ call: PreparedRequest, _ place: Int, _ channel: any CallChannel, at due: BootInstant,
        within limit: Duration, clock: any NodeClock
    ) async -> (Int, OpenCallEnd, Duration) {
        let deadline = due.advanced(by: limit)
        guard clock.bootTime() < deadline else { return (place, .late, limit) }
        do throws(RPCStatus) {
            _ = try await channel.unary(
                path: call.path, message: call.message, metadata: call.metadata, deadline: deadline)
            let latency = clock.bootTime().since(due)
            return (place, latency <= limit ? .good : .late, latency)
        } catch {
            let end: OpenCallEnd =
                switch error.code {
                case .resourceExhausted, .unavailable: error.details.isEmpty ? .failed("\(error)") : .refused
                case .deadlineExceeded, .cancelled: .late
                default: .failed("\(error)")
                }
            return (place, end, clock.bootTime().since(due))
        }
    }
}
