// How long bytes may have waited to be read: measured by a loop's turns, since what waits lies in the kernel's buffers.

import ClusterModel
import NIOCore
import NodeEnvironment

/// A loop reads every socket that has something once a turn. What it reads now was not there yet when the turn before
/// began to read (then that turn would have read it), or, where the loop slept in between, came just now. A pure value.
struct TurnAge: Hashable, Sendable {
    /// A pause shorter than this between two turns is none: polling and waking take that long.
    private static let wakeUp: Int64 = 100_000

    private var startedAt: BootInstant?
    private var previousStart: BootInstant?
    private var endedAt: BootInstant?
    private var isInTurn = false

    /// By when everything that this turn reads had arrived.
    var latestArrival: BootInstant? { startedAt }

    /// True when this is the first read of a turn: `onEnd` is owed at the turn's end.
    mutating func onRead(at now: BootInstant) -> Bool {
        guard !isInTurn else { return false }
        isInTurn = true
        // The loop was busy all the while when it turns again at once.
        let hasSlept = endedAt.map { now.since($0).signedNanoseconds > Self.wakeUp } ?? true
        previousStart = hasSlept ? now : startedAt
        startedAt = now
        return true
    }

    mutating func onEnd(at now: BootInstant) {
        isInTurn = false
        endedAt = now
    }

    /// Before this nothing that the turn reads had arrived.
    func earliestArrival(at now: BootInstant) -> BootInstant { previousStart ?? now }
}

/// The turns of one loop. On its loop only.
final class LoopPulse: Sendable {
    private let loop: any EventLoop
    private let clock: any NodeClock
    private let age: NIOLoopBoundBox<TurnAge>

    init(_ loop: any EventLoop, clock: any NodeClock) {
        self.loop = loop
        self.clock = clock
        age = NIOLoopBoundBox.makeBoxSendingValue(TurnAge(), eventLoop: loop)
    }

    /// A connection reads: between when and when its bytes arrived.
    func onRead() -> (earliest: BootInstant, latest: BootInstant) {
        let now = clock.bootTime()
        if age.value.onRead(at: now) {
            // Behind what the turn has to do already; again behind what that leads to.
            loop.execute { self.loop.execute { self.onTurnOver() } }
        }
        return (age.value.earliestArrival(at: now), age.value.latestArrival ?? now)
    }

    private func onTurnOver() { age.value.onEnd(at: clock.bootTime()) }
}
