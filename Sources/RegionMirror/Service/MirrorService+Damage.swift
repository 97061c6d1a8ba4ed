// What the service learns of its own disk by reading, and tells people (S7).

import EventLog
import Logging
import NIOCore
import NodeEnvironment
import Synchronization

extension MirrorService {
    /// Batches at the places that a node asks for whose own copies are damaged: no link, no claim, no waiting.
    func answerRepair(_ call: UnaryCall, _ request: PullRequest) {
        let facts = core.facts
        let plan = HolderInstance().plan(request, held: core.log.logs(), facts)
        let budget = max(1, min(Int(request.maxBytes), core.settings.limits.replyBytes))
        let reader = BatchReader(log: core.log, facts: facts, budget: budget)
        core.disk.execute { [self] in
            let outcome = reader.fromDisk(plan.steps)
            note(outcome)
            var reply = core.makeReply(generation: request.generation)
            reply.answers = outcome.answers
            call.succeed(ByteBuffer(bytes: reply.encoded))
        }
    }

    /// Remembers what could not be read, so that it rests; says so once.
    func note(_ outcome: BatchReader.Outcome) {
        let now = core.environment.clock.bootTime()
        let (damaged, failed) = state.withLock { state in
            for answer in outcome.answers {
                if case .batches = answer.answer { state.unreadable.onRead(answer.log) }
            }
            let damaged = outcome.unreadable.filter { state.unreadable.onUnreadable($0.log, $0.stretch, at: now) }
            return (damaged, outcome.failed.filter { state.unreadable.onFailure($0, at: now) })
        }
        for (log, stretch) in damaged {
            core.logger.error(
                "a log cannot be served to other regions: its bytes on this disk do not verify",
                metadata: ["log": "\(log)", "from": "\(stretch.lowerBound)", "to": "\(stretch.upperBound)"])
        }
        guard let first = failed.first else { return }
        let reason = outcome.failure.map { "\($0)" } ?? "a batch across an agreed end"
        core.logger.error(
            "logs cannot be served to other regions now",
            metadata: ["first": "\(first)", "logs": "\(failed.count)", "reason": "\(reason)"])
    }
}
