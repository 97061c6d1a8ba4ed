// What one follower knows of one holder and asks of it. Pure: no clock, no files, no links.

package import ClusterModel
package import EventLog

/// Decides what to ask, and what of a reply may go down into the engine. A value; its shell runs on one task.
///
/// A batch is handed down only when it verifies, is of a log that was asked for, goes on exactly where ours ends, and its
/// epoch is not below the last (S1, S8). OTHER_CHAIN and GAP stop that log until the link's next generation; the other
/// logs go on. Positions are what was handed down; cursors are what is flushed (S11) and are not kept here.
package struct FollowerInstance: Sendable {
    /// Why a log is not asked for any more.
    package enum Stop: Hashable, Sendable {
        case otherChain
        /// The holder begins at this offset; nothing in between is skipped.
        case gap(firstAvailable: Offset)
        case epochWentDown
    }

    package enum Directive: Hashable, Sendable {
        /// Hand this batch to the engine, in this order.
        case submit(EncodedBatch)
        /// Tell people: this log stands still.
        case alarm(LogIdentity, Stop)
        case heard(AgreedEnds)
    }

    private struct Position: Sendable {
        var point: LogPoint
        var epoch: Epoch
        var stop: Stop?
    }

    package let limits: MirrorLimits
    package private(set) var generation: UInt64
    /// The holder's heads, as last told.
    package private(set) var heads: [LogIdentity: LogSummary] = [:]
    package private(set) var duplicates: UInt64 = 0
    package private(set) var staleReplies: UInt64 = 0
    private var positions: [LogIdentity: Position] = [:]

    package init(generation: UInt64, limits: MirrorLimits = MirrorLimits()) {
        self.generation = generation
        self.limits = limits
    }

    /// A new link: forgets what the holder told, starts stopped logs again, and goes on from what the engine holds.
    package mutating func onReconnect(generation: UInt64, held: [LogSummary]) {
        self.generation = max(generation, self.generation)
        heads = [:]
        positions = [:]
        for summary in held { onHeld(summary) }
    }

    /// What the engine holds of a log. Moves our position there: forwards where another link pulled it, backwards where
    /// submitted batches died before their flush. Only while nothing of that log is submitted and unflushed: the engine
    /// refuses what it has been given already.
    package mutating func onHeld(_ summary: LogSummary) {
        let point = LogPoint(log: summary.log, offset: summary.flushedEnd, digest: summary.endDigest)
        positions[summary.log] = Position(
            point: point, epoch: summary.epoch, stop: positions[summary.log]?.stop)
    }

    /// The logs to ask for, in the order of their names; none that is stopped. At most `limits.logs`.
    package func positions(for wanted: [LogIdentity]) -> [LogPoint] {
        var asked: [LogPoint] = []
        for log in wanted where asked.count < limits.logs {
            let position = positions[log]
            if position?.stop == nil { asked.append(position?.point ?? LogPoint(startOf: log)) }
        }
        return asked
    }

    package func stop(of log: LogIdentity) -> Stop? { positions[log]?.stop }

    /// Takes a reply to a pull that asked for `asked`. All directives stand, or none when it throws: then the connection
    /// is to be dropped. A reply of another generation changes nothing.
    package mutating func onReply(
        _ reply: PullReply, to asked: [LogPoint]
    ) throws(MirrorError) -> [Directive] {
        guard reply.generation == generation else {
            staleReplies += 1
            return []
        }
        var next = self
        var directives = reply.agreedEnds.map { Directive.heard($0) }
        let logs = Set(asked.map(\.log))
        for answer in reply.answers {
            guard logs.contains(answer.log) else {
                throw MirrorError(.outOfSequence, "\(answer.log) was not asked for")
            }
            try next.take(answer, &directives)
        }
        for head in reply.heads where next.heads[head.log] != nil || next.heads.count < limits.logs {
            next.heads[head.log] = head
        }
        self = next
        return directives
    }

    private mutating func take(
        _ answer: PullReply.LogAnswer, _ directives: inout [Directive]
    ) throws(MirrorError) {
        switch answer.answer {
        case .batches(let batches):
            for bytes in batches { try take(bytes, of: answer.log, &directives) }
        case .otherChain: halt(answer.log, .otherChain, &directives)
        case .gap(let first): halt(answer.log, .gap(firstAvailable: first), &directives)
        }
    }

    private mutating func take(
        _ bytes: [UInt8], of log: LogIdentity, _ directives: inout [Directive]
    ) throws(MirrorError) {
        let batch: EncodedBatch
        do throws(BatchError) {
            batch = try EncodedBatch(verifying: bytes)
        } catch {
            throw MirrorError(.corruptBatch, "\(log)", cause: error)
        }
        var position = positions[log] ?? Position(point: LogPoint(startOf: log), epoch: Epoch(0))
        guard position.stop == nil else { return }
        guard batch.header.log == log else { throw MirrorError(.outOfSequence, "\(batch.header.log) inside \(log)") }
        guard batch.endOffset > position.point.offset else {
            duplicates += 1
            return
        }
        guard batch.header.baseOffset == position.point.offset else {
            throw MirrorError(
                .outOfSequence,
                "\(log) at \(position.point.offset.rawValue), got \(batch.header.baseOffset.rawValue)")
        }
        guard batch.header.previousDigest == position.point.digest else { return halt(log, .otherChain, &directives) }
        guard position.epoch <= batch.header.epoch else { return halt(log, .epochWentDown, &directives) }
        position.point = LogPoint(log: log, offset: batch.endOffset, digest: batch.chainDigest)
        position.epoch = batch.header.epoch
        positions[log] = position
        directives.append(.submit(batch))
    }

    private mutating func halt(_ log: LogIdentity, _ stop: Stop, _ directives: inout [Directive]) {
        var position = positions[log] ?? Position(point: LogPoint(startOf: log), epoch: Epoch(0))
        position.stop = stop
        positions[log] = position
        directives.append(.alarm(log, stop))
    }
}
