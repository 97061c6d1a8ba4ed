// What a start needs of other regions before its first stamp (S1, S2).

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import RegionMirror

/// Asks until it may go on, or knows that it may not. One a start.
struct RegionStart: Sendable {
    let mirror: RegionMirror
    let clock: any NodeClock
    let logger: Logger
    /// F: how far ahead of a stamp an id may be (S4).
    let maxFuture: Duration

    /// How long a node without a disk and without a disciplined clock looks for a peer before it gives up (S2).
    private static let patience: Duration = .seconds(30)
    private static let betweenProbes: Duration = .milliseconds(200)
    /// Beyond the time for which a claim of a process that died can be fresh.
    private static let slack: Duration = .milliseconds(500)
    /// Starts go above what they hear so many times; who tells more each time is no peer.
    private static let maxRaises = 4
    /// How much longer a claim is waited for that nobody renews.
    private static let longestFading: Duration = .seconds(30)

    /// S2: with no disk of its own a node starts above what reachable members know; with none reachable and a clock that
    /// nothing disciplines it refuses. Throws NodeError `.clockUntrusted`, which names who refuses and why.
    func raise(_ plan: IncarnationPlan) async throws -> IncarnationPlan {
        guard plan.wait > .zero else { return plan }
        let deadline = clock.bootTime().advanced(by: Self.patience)
        var said = ""
        while true {
            let memory = await mirror.remember()
            guard memory.latestStamp.wallTime <= clock.wallTime().advanced(by: maxFuture) else {
                try await waitForClock(memory.latestStamp.wallTime)
                continue
            }
            if memory.reachedPeers > 0 || clock.isSynchronised() {
                return try plan.raised(above: memory.newestIncarnation, memory.latestStamp)
            }
            let reasons = memory.answers.map(Self.words).joined(separator: "; ")
            guard clock.bootTime() < deadline else {
                throw NodeError(
                    .clockUntrusted,
                    "no peer vouches for the time, nothing disciplines this machine's clock, and the disk is new: "
                        + reasons,
                    nextStep: memory.answers.contains { $0.refusal != nil }
                        ? "mend what is refused (Runbooks/link-refused.md), or run chrony or systemd-timesyncd"
                        : "start a peer region first, or run chrony or systemd-timesyncd")
            }
            if reasons != said {
                logger.warning(
                    "waiting for a peer region: this disk is new and nothing disciplines the clock",
                    metadata: ["peers": "\(reasons)"])
            }
            said = reasons
            try await clock.sleep(for: Self.betweenProbes)
        }
    }

    /// Above a stamp from ahead of the clock every event would be refused as too old until the clock gets there. After `patience` the start ends, since only people can tell which of the clocks is wrong. Throws NodeError
    /// `.clockUntrusted`.
    private func waitForClock(_ stamp: WallTime) async throws {
        let seconds = stamp.milliseconds(since: clock.wallTime()) / 1_000
        let reason = "other regions hold records of this one that are \(seconds) s ahead of this machine's clock"
        let deadline = clock.bootTime().advanced(by: Self.patience)
        logger.warning("waiting for the clock", metadata: ["reason": "\(reason)"])
        while stamp > clock.wallTime().advanced(by: maxFuture) {
            guard clock.bootTime() < deadline else {
                throw NodeError(
                    .clockUntrusted, reason,
                    nextStep:
                        "compare the regions' clocks; where this one is right, wait until it gets there, or give the "
                        + "region a new number (Runbooks/clock-refused.md)")
            }
            try await clock.sleep(for: Self.betweenProbes)
        }
    }

    /// S1: each reachable member says whether this process may speak for its region. Where one of them holds this region's line
    /// under a higher number than the plan's, the plan that is returned goes above it (S1a): a disk that came back, with a clock
    /// that is behind, or that another process wrote beside. Throws NodeError `.regionClaimed`.
    func claim(_ plan: IncarnationPlan) async throws -> IncarnationPlan {
        var plan = plan
        for _ in 0..<Self.maxRaises {
            let memory = try await claim(plan.incarnation)
            guard let higher = memory.newestIncarnation, higher >= plan.incarnation else { return plan }
            logger.notice(
                "other regions hold this region's line under a higher number: beginning above it",
                metadata: ["number": "\(String(higher.rawValue, radix: 16))"])
            // S2: and above its stamps. Where those are ahead of the clock, writes are refused until it gets there.
            plan = try plan.raised(above: higher, memory.latestStamp)
        }
        throw NodeError(
            .regionClaimed, "the numbers of this region's line that other regions tell go on growing",
            nextStep: "look for another process of this region; see Runbooks/region-claimed.md")
    }

    /// What members hold of this region's line. A claim of a process that died is waited for; a living one ends this start.
    private func claim(_ incarnation: Incarnation) async throws -> RegionMirror.Memory {
        var deadlines: [RegionNumber: BootInstant] = [:]
        var heard: [RegionNumber: Duration] = [:]
        var said: Set<RegionNumber> = []
        while true {
            let memory = await mirror.remember(as: incarnation)
            let now = clock.bootTime()
            var isClaimed = false
            for answer in memory.answers {
                guard case .claimed(let reason, let fresh) = answer.outcome else {
                    say(answer, &said)
                    continue
                }
                isClaimed = true
                let deadline = deadlines[answer.region] ?? now.advanced(by: fresh + Self.slack)
                deadlines[answer.region] = deadline
                // A living process is heard again and again. What only grows older is a late word of a dead one.
                let isFading = heard[answer.region].map { fresh < $0 } ?? false
                heard[answer.region] = fresh
                let isOver = now >= (isFading ? deadline.advanced(by: Self.longestFading) : deadline)
                guard !isOver else { throw Self.claimed(answer.name, reason) }
                if said.insert(answer.region).inserted {
                    logger.notice(
                        "another process spoke for this region a moment ago: waiting until it is known to be gone",
                        metadata: ["told_by": "\(answer.name)", "at_most": "\(fresh + Self.slack)"])
                }
            }
            guard isClaimed else { return memory }
            try await clock.sleep(for: Self.betweenProbes)
        }
    }

    /// A refusal for other reasons keeps nobody from starting: other regions may be content, and both sides say why.
    private func say(_ answer: StartAnswer, _ said: inout Set<RegionNumber>) {
        guard let refusal = answer.refusal, said.insert(answer.region).inserted else { return }
        logger.error("a region refuses this one; see Runbooks/link-refused.md", metadata: ["reason": "\(refusal)"])
    }

    private static func claimed(_ name: String, _ reason: String) -> NodeError {
        NodeError(
            .regionClaimed, "region \(name) hears a living process that speaks for this region: \(reason)",
            nextStep: "stop the other process, or give this one a region of its own; see Runbooks/region-claimed.md")
    }

    private static func words(_ answer: StartAnswer) -> String {
        switch answer.outcome {
        case .welcome: "region \(answer.name) answers"
        case .silent(let reason): "region \(answer.name) does not answer: \(reason)"
        case .refused, .claimed: answer.refusal ?? ""
        }
    }
}
