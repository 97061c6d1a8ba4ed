// What a holder tells one follower. Pure: reading batches is the shell's.

package import ClusterModel
package import EventLog

/// Plans replies to one follower. A value, one for each follower; serialised by its shell.
///
/// Only flushed offsets appear in plans (S6): heads come from the engine, which knows no others.
package struct HolderInstance: Sendable {
    /// How to answer for one log that was asked for.
    package enum Step: Hashable, Sendable {
        /// Read from here; the first batch must begin exactly here with this digest before it, else OTHER_CHAIN.
        case read(LogPoint)
        case otherChain(LogIdentity)
        case gap(LogIdentity, firstAvailable: Offset)
    }

    package struct Plan: Hashable, Sendable {
        /// In the order of service: it begins one log further each time, so that no log starves behind a long one.
        package var steps: [Step] = []
        /// What changed since it was last told.
        package var heads: [LogSummary] = []
        /// Agreed ends that this link has not been told.
        package var ends: [AgreedEnds] = []
        /// Whether one of the heads is of a log that the follower has never heard of.
        package var hasNewLog = false

        /// Whether the pull is worth answering now. Heads that only moved travel with the next answer.
        package var isUrgent: Bool { !steps.isEmpty || !ends.isEmpty || hasNewLog }
    }

    package private(set) var generation: UInt64?
    private var told: [LogIdentity: LogSummary] = [:]
    private var toldEnds: [LogName: Incarnation] = [:]
    private var turn = 0

    private let limits: MirrorLimits

    package init(limits: MirrorLimits = MirrorLimits()) { self.limits = limits }

    /// False for a pull of an older link than one that was seen: it is not answered with data. A newer one starts over
    /// with all heads.
    package mutating func onPull(generation: UInt64) -> Bool {
        if let current = self.generation, generation < current { return false }
        if self.generation != generation {
            told = [:]
            toldEnds = [:]
            self.generation = generation
        }
        return true
    }

    /// What to answer to `request` with `held` in the engine, in its order. `verdict`: whether what is held can be read.
    /// Complexity: O(held + positions).
    package func plan(
        _ request: PullRequest, held: [LogSummary], _ facts: LineageFacts,
        _ verdict: (LogPoint) -> UnreadableLogs.Verdict = { _ in .readable }
    ) -> Plan {
        let byLog = Dictionary(held.map { ($0.log, $0) }, uniquingKeysWith: { first, _ in first })
        let count = request.positions.count
        var plan = Plan()
        for index in 0..<count {
            let position = request.positions[(index + turn % count) % count]
            if let end = facts.servedEnd(of: position.log), position.offset >= end { continue }
            guard let held = byLog[position.log] else {
                // S1b: it was settled and has left; whoever still needs it must be bootstrapped.
                if facts.isBelowFloor(position.log) {
                    plan.steps.append(.gap(position.log, firstAvailable: Offset(.max)))
                }
                continue
            }
            guard let step = Self.step(for: position, in: held) else { continue }
            switch step == .read(position) ? verdict(position) : .readable {
            case .readable: plan.steps.append(step)
            case .gap(let first): plan.steps.append(.gap(position.log, firstAvailable: first))
            case .rests: continue
            }
        }
        // What the follower writes itself is no news to it; that a later start of its region wrote something is (S1a).
        let (follower, own) = (request.follower, request.incarnation)
        plan.heads = Array(
            held.lazy.filter { head in
                told[head.log] != head && (head.log.name.region != follower || head.log.incarnation != own)
            }.prefix(limits.logs))
        plan.hasNewLog = plan.heads.contains { told[$0.log] == nil }
        plan.ends = Self.fitting(facts.all.filter { ends in toldEnds[ends.name].map { $0 < ends.writer } ?? true })
        return plan
    }

    /// As many as a reply carries beside its batches, at least one; the rest goes with the next, which is urgent then.
    private static func fitting(_ ends: [AgreedEnds]) -> [AgreedEnds] {
        var bytes = 0
        return Array(
            ends.prefix { one in
                defer { bytes = bytes.adding(clamping: one.chain.byteCount) }
                return bytes < MirrorLimits.toldEndsBytes
            })
    }

    /// What lies below a floor leaves (S1b).
    package mutating func drop(_ facts: LineageFacts) { told = told.filter { !facts.isBelowFloor($0.key) } }

    /// These heads and ends went out in an answer.
    package mutating func onAnswered(_ plan: Plan) {
        for head in plan.heads { told[head.log] = head }
        for ends in plan.ends { toldEnds[ends.name] = ends.writer }
        turn &+= 1
        if turn < 0 { turn = 0 }
    }

    /// Nil where the follower has all that we have, or more.
    private static func step(for position: LogPoint, in held: LogSummary) -> Step? {
        if position.offset < held.base { return .gap(held.log, firstAvailable: held.base) }
        if position.offset > held.flushedEnd { return nil }
        if position.offset == held.base, position.digest != held.baseDigest { return .otherChain(held.log) }
        if position.offset == held.flushedEnd {
            return position.digest == held.endDigest ? nil : .otherChain(held.log)
        }
        return .read(position)
    }

    /// The answer for a log from what was read for `.read(position)`; nil for nothing.
    package static func answer(_ batches: [EncodedBatch], at position: LogPoint) -> PullReply.Answer? {
        guard let first = batches.first else { return nil }
        guard first.extends(position.log, end: position.offset, digest: position.digest) else { return .otherChain }
        return .batches(batches)
    }
}
