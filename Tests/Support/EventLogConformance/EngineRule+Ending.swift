// Rules of ends: poison, closing, and starts on what is there (S1, S6, S7).

import ClusterModel
import EventLog

extension EngineRule {
    static let ending = [
        EngineRule("S7: a failed flush ends every log, for good") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let recorder = FlushRecorder.observing(feed.logs, of: stage)
            try await feed.fill(stage, 9, listening: recorder)
            let before = feed
            stage.fail()
            try stage.engine.submit(try feed.next())
            for log in feed.logs { await recorder.waitForFence(of: log) }
            check.expect(stage.engine.failure != nil, "no failure is told")
            let next = try feed.next()
            check.equal(stage.refusal { try $0.submit(next) }, .poisoned, "the next batch")
            for log in feed.logs {
                check.equal(recorder.heard(of: log).fences, 1, "fences of \(log)")
                check.equal(recorder.heard(of: log).ends.last, before.end(of: log), "acknowledged of \(log)")
                check.equal(stage.engine.flushedEnd(of: log), before.end(of: log), "flushed end of \(log)")
                check.equal(try stage.all(of: log), before.batches[log], "what is read of \(log)")
            }
            try await stage.restart(afterCleanStop: false)
            for log in feed.logs {
                let (found, kept) = (try stage.all(of: log), before.batches[log] ?? [])
                check.equal(Array(found.prefix(kept.count)), kept, "what is kept of \(log)")
                check.expect(
                    (feed.batches[log] ?? []).starts(with: found), "\(log) holds what nobody wrote after the start")
            }
            return check.complaints
        },
        EngineRule("closing waits for the flush, then refuses") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            for number in 0..<60 { try stage.engine.submit(try feed.next(number % 3)) }
            await stage.engine.close()
            for log in feed.logs {
                check.equal(stage.engine.flushedEnd(of: log), feed.end(of: log), "flushed end of \(log)")
            }
            let next = try feed.next()
            check.equal(stage.refusal { try $0.submit(next) }, .closed, "a batch after the end")
            check.equal(stage.engine.failure?.code, .closed, "failure")
            return check.complaints
        },
        EngineRule("S1, S6: a start after a clean stop finds all, and appends go on") { stage in
            try await restarting(stage, afterCleanStop: true)
        },
        EngineRule("S1, S6: a start after a death finds all that was flushed, and appends go on") { stage in
            try await restarting(stage, afterCleanStop: false)
        },
    ]

    /// Three starts: each finds what the ones before it left.
    private static func restarting(_ stage: any EngineStage, afterCleanStop: Bool) async throws -> [String] {
        var check = RuleCheck()
        var feed = LogFeed()
        for start in 1...3 {
            let recorder = FlushRecorder.observing(feed.logs, of: stage)
            try await feed.fill(stage, 20 + start, listening: recorder)
            let logs = stage.engine.logs()
            try await stage.restart(afterCleanStop: afterCleanStop)
            let engine = stage.engine
            check.equal(engine.recovered.logs, logs, "what start \(start) recovered")
            check.equal(engine.logs(), logs, "logs after start \(start)")
            check.equal(engine.recovered.isFirstStart, false, "first start")
            check.equal(engine.recovered.wasCleanStop, afterCleanStop, "a clean stop")
            check.equal(engine.recovered.corruptRanges, [], "corruption")
            for log in feed.logs {
                check.equal(try stage.all(of: log), feed.batches[log], "\(log) after start \(start)")
                for batch in feed.batches[log] ?? [] {
                    check.equal(
                        engine.chainDigest(of: log, at: batch.endOffset), batch.chainDigest,
                        "the digest of \(log) at \(batch.endOffset.rawValue) after start \(start)")
                    check.equal(
                        try engine.read(log, from: batch.header.baseOffset, maxBytes: 1), [batch],
                        "\(log) from \(batch.header.baseOffset.rawValue) after start \(start)")
                }
            }
            check.complaints(of: try feed.refused(by: stage), "after start \(start)")
        }
        return check.complaints
    }
}
