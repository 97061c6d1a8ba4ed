// What the service learns of its own disk by reading, and tells people (S7).

import EventLog
import Logging
import NodeEnvironment
import Synchronization

extension MirrorService {
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
