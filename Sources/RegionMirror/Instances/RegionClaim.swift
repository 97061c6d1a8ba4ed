// Who speaks for a region at one holder (S1): one process at a time. Pure: the shell says what it saw, and when.

package import ClusterModel

/// A process is known by its incarnation. While its heartbeat is fresh another one is refused. It is fresh until its last
/// pull's answer, or that pull's end, is a stall time-out old; for a *newer* incarnation also no longer than `grace` after
/// its link was seen to close: the kernel closes the connections of a killed process at once, whereas a living one that
/// lost its connection has dialled again by then. A machine that is cut off closes nothing, and keeps its claim until it
/// has been silent for long enough. A process that stops says that it is over: a newer one need not wait then.
package struct RegionClaim: Hashable, Sendable {
    package let incarnation: Incarnation
    private let stallTimeout: Duration
    private var freshUntil: BootInstant
    /// The link that is watched: its generation.
    private var watched: UInt64?
    private var closedAt: BootInstant?
    /// It said that it is over. Nothing that still arrives of it takes that back.
    private var isOver = false
    /// It answers this holder's own pulls too.
    private var isReplying = false

    /// How long a living process has to dial again, of its stall time-out: links try several times in it.
    private static let graceParts = 5

    package init(_ incarnation: Incarnation, stallTimeout: Duration, at now: BootInstant) {
        self.incarnation = incarnation
        self.stallTimeout = stallTimeout
        freshUntil = now.advanced(by: stallTimeout)
    }

    private var grace: Duration { stallTimeout / Self.graceParts }

    /// Whether a process with this incarnation may speak for the region now.
    package func admits(_ other: Incarnation, at now: BootInstant) -> Bool {
        if other == incarnation || now >= freshUntil { return true }
        // A restart has a higher number; a lower one is a stranger until the heartbeat is old.
        guard other > incarnation else { return false }
        if isOver { return true }
        guard let closedAt else { return false }
        return now >= closedAt.advanced(by: grace)
    }

    /// Whether a process with this incarnation follows one that has said that it is over.
    package func isLeft(to other: Incarnation) -> Bool { isOver && other > incarnation }

    /// It has stopped, and says so itself.
    package mutating func onParting() { isOver = true }

    /// It pulls over its link of this generation; the pull is answered at `due` at the latest.
    package mutating func onPull(link generation: UInt64, due: BootInstant) {
        freshUntil = max(freshUntil, due.advanced(by: stallTimeout))
        // Whatever was closed before, it lives.
        closedAt = nil
        if watched != generation { watched = nil }
    }

    /// It greeted.
    package mutating func onHeard(at now: BootInstant) {
        freshUntil = max(freshUntil, now.advanced(by: stallTimeout))
        closedAt = nil
    }

    /// It answered a pull of ours: a heartbeat as good as its own pulls.
    package mutating func onReply(at now: BootInstant) {
        onHeard(at: now)
        isReplying = true
    }

    /// Our own link to it is gone. Where that was all that showed its life, it may be dead.
    package mutating func onRepliesEnded(at now: BootInstant) {
        guard isReplying else { return }
        isReplying = false
        if watched == nil { onClosed(at: now) }
    }

    /// Whether it speaks for its region as far as anybody knows: heard of lately, and not over.
    package func isStanding(at now: BootInstant) -> Bool { !isOver && now < freshUntil }

    /// How long it stays fresh if nothing more is heard.
    package func freshness(at now: BootInstant) -> Duration { max(.zero, freshUntil.since(now)) }

    /// Its pull was answered: the next one is due. Says nothing of whether anybody heard the answer.
    package mutating func onAnswered(at now: BootInstant) { freshUntil = now.advanced(by: stallTimeout) }

    /// Its link of this generation is open, and its end will be told.
    package mutating func onLink(_ generation: UInt64) {
        if watched.map({ $0 <= generation }) ?? true { watched = generation }
    }

    /// The link of this generation closed. One of an earlier generation than the newest says nothing.
    package mutating func onLinkClosed(_ generation: UInt64, at now: BootInstant) {
        if watched == generation { onClosed(at: now) }
    }

    /// A pull of its newest link was waiting and its caller is gone.
    package mutating func onClosed(at now: BootInstant) {
        if closedAt == nil { closedAt = now }
    }
}
