// One loop's controller, and what a call brings to the door.

import ClusterModel
import NodeEnvironment
import Synchronization

/// What the door looks at: nothing that would have to be decoded.
struct AdmissionTicket {
    var priority: CallPriority
    /// Of the request.
    var bytes: Int
    /// How long its bytes waited to be read.
    var age: Duration
    var now: BootInstant
    var executor: any NodeExecutor
    /// Whether the call asks for something to be written to the log.
    var appends = false
    /// Who pays for the call; nil where nobody in particular does.
    var account: CallerAccount?
}

/// A loop's queue as its controller saw it last.
package struct LoadFigures: Sendable {
    package var queueAge = Duration.zero
    /// By `CallPriority`, 0 to 1: the part that is let in.
    package var shares = [Double](repeating: 1, count: CallPriority.allCases.count)

    mutating func merge(_ other: LoadFigures) {
        queueAge = max(queueAge, other.queueAge)
        for place in shares.indices { shares[place] = min(shares[place], other.shares[place]) }
    }
}

/// The controller of one loop. Its lock is taken by that loop for each call, and by others only when somebody reads the
/// figures: it is never waited for under load.
final class LoopLane: Sendable {
    let executor: (any NodeExecutor)?
    private let state: Mutex<State>

    private struct State {
        var controller: LoadController
        var turn = 0
    }

    init(_ settings: LoadSettings, _ executor: (any NodeExecutor)?) {
        self.executor = executor
        state = Mutex(State(controller: LoadController(settings)))
    }

    /// Nil when the loop's age lets the call in.
    func admit(_ ticket: AdmissionTicket) -> Refusal? {
        let refused: (pressure: Int, turn: Int)? = state.withLock { state in
            guard
                case .refuse(let pressure) = state.controller.onCall(ticket.priority, age: ticket.age, at: ticket.now)
            else { return nil }
            state.turn &+= 1
            return (pressure, state.turn)
        }
        return refused.map { Self.queueTooOld.refusal(pressure: $0.pressure, turn: $0.turn) }
    }

    /// Too much waits for the disk.
    func refuseFlush() -> Refusal {
        let turn = state.withLock { state in
            state.turn &+= 1
            return state.turn
        }
        return Self.flushOverdue.refusal(pressure: Self.flushPressure, turn: turn)
    }

    var figures: LoadFigures {
        state.withLock { state in
            LoadFigures(
                queueAge: state.controller.standingAge,
                shares: CallPriority.allCases.map { state.controller.share(of: $0) })
        }
    }

    private static let flushPressure = 3
    private static let queueTooOld = OverloadRefusals(
        .queueTooOld, "calls wait too long here already: this one comes after more important ones")
    private static let flushOverdue = OverloadRefusals(
        .flushOverdue, "writes wait too long for the disk already")
}
