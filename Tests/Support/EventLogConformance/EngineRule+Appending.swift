// Rules of appending: order, acknowledgement, refusals (S1, S6, S8).

import ClusterModel
import EventLog

extension EngineRule {
    static let appending = [
        EngineRule("an empty engine holds nothing") { stage in
            var check = RuleCheck()
            let log = LogFeed.log(0)
            check.equal(stage.engine.logs(), [], "logs")
            check.equal(stage.engine.flushedEnd(of: log), .zero, "flushed end")
            check.equal(stage.engine.summary(of: log), nil, "summary")
            check.equal(stage.engine.recovered.isFirstStart, true, "first start")
            check.equal(stage.engine.failure, nil, "failure")
            return check.complaints
        },
        EngineRule("every batch is acknowledged, in order") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let recorder = FlushRecorder.observing(feed.logs, of: stage)
            try await feed.fill(stage, 60, listening: recorder)
            for log in feed.logs {
                let ends = recorder.heard(of: log).ends
                check.expect(ends == ends.sorted(), "ends of \(log) go down: \(ends)")
                check.equal(ends.last, feed.end(of: log), "last end of \(log)")
                check.equal(recorder.heard(of: log).fences, 0, "fences of \(log)")
                check.equal(stage.engine.flushedEnd(of: log), feed.end(of: log), "flushed end of \(log)")
                check.equal(stage.engine.summary(of: log), feed.summary(of: log), "summary of \(log)")
            }
            check.equal(stage.engine.logs(), feed.logs.compactMap { feed.summary(of: $0) }, "logs")
            return check.complaints
        },
        EngineRule("S6: what is not flushed is nobody's") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let (recorder, log) = (FlushRecorder.observing(feed.logs, of: stage), feed.logs[0])
            _ = stage.engine.watch(on: stage.executor) { _ in }
            try await feed.fill(stage, 3, listening: recorder)
            let (end, heard) = (feed.end(of: log), recorder.heard(of: log).ends)
            stage.holdsFlushes = true
            try stage.engine.submit(try feed.next())
            check.equal(stage.engine.flushedEnd(of: log), end, "flushed end")
            check.equal(stage.engine.summary(of: log)?.flushedEnd, end, "end of the summary")
            check.equal(recorder.heard(of: log).ends, heard, "acknowledged")
            check.equal(stage.engine.recent(log, from: .zero, maxBytes: .max)?.last?.endOffset ?? end, end, "recent")
            check.equal(stage.engine.chainDigest(of: log, at: feed.end(of: log)), nil, "digest")
            check.equal(try stage.engine.read(log, from: .zero, maxBytes: .max).last?.endOffset, end, "read")
            check.equal(stage.refusal { try $0.read(log, from: end, maxBytes: 1) }, .outOfRange, "reading beyond")
            stage.holdsFlushes = false
            await recorder.wait(for: log, to: feed.end(of: log))
            check.equal(stage.engine.flushedEnd(of: log), feed.end(of: log), "flushed end after the flush")
            return check.complaints
        },
        EngineRule("S1, S8: what does not extend is refused, and changes nothing") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let (recorder, log) = (FlushRecorder.observing(feed.logs, of: stage), feed.logs[0])
            try await feed.fill(stage, 6, listening: recorder)
            check.complaints(of: try feed.refused(by: stage), "flushed")
            stage.holdsFlushes = true
            try stage.engine.submit(try feed.next())
            check.complaints(of: try feed.refused(by: stage), "waiting")
            stage.holdsFlushes = false
            try stage.engine.submit(try feed.next())
            await recorder.wait(for: log, to: feed.end(of: log))
            check.equal(try stage.all(of: log), feed.batches[log], "read")
            return check.complaints
        },
        EngineRule("a full backlog refuses, and appends go on when it is flushed") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let (recorder, log) = (FlushRecorder.observing(feed.logs, of: stage), feed.logs[0])
            stage.holdsFlushes = true
            var bytes = 0
            var waiting: EncodedBatch?
            while waiting == nil, bytes <= 2 * stage.backlogBytes {
                let batch = try feed.next(records: 1, bodyBytes: 500_000)
                do throws(EventLogError) { try stage.engine.submit(batch) } catch {
                    check.equal(error.code, .backlogFull, "refusal")
                    waiting = batch
                }
                bytes += batch.bytes.count
            }
            check.expect(waiting != nil, "\(bytes) bytes wait, and nothing is refused")
            stage.holdsFlushes = false
            if let waiting {
                await recorder.wait(for: log, to: waiting.header.baseOffset)
                try stage.engine.submit(waiting)
            }
            await recorder.wait(for: log, to: feed.end(of: log))
            check.equal(stage.engine.flushedEnd(of: log), feed.end(of: log), "flushed end")
            return check.complaints
        },
        EngineRule("S1: incarnations of one log are logs of their own") { stage in
            var check = RuleCheck()
            let recorder = FlushRecorder()
            var feeds = [LogFeed(logs: 1, incarnation: 1), LogFeed(logs: 1, incarnation: 2)]
            for number in feeds.indices {
                recorder.observe(feeds[number].logs, of: stage)
                try await feeds[number].fill(stage, 4 + number, listening: recorder)
            }
            for feed in feeds { check.equal(try stage.all(of: feed.logs[0]), feed.batches[feed.logs[0]], "read") }
            return check.complaints
        },
        EngineRule("one observer a log: the later one hears") { stage in
            var check = RuleCheck()
            var feed = LogFeed(logs: 1)
            let (first, second) = (FlushRecorder(), FlushRecorder())
            first.observe(feed.logs, of: stage)
            second.observe(feed.logs, of: stage)
            try await feed.fill(stage, 5, listening: second)
            check.equal(first.heard(of: feed.logs[0]).ends, [], "ends that the first heard")
            return check.complaints
        },
    ]
}

extension RuleCheck {
    mutating func complaints(of codes: [EventLogError.Code?], _ what: String) {
        equal(codes, codes.map { _ in .doesNotExtend }, what)
    }
}

extension LogFeed {
    /// Tries what must not be taken after what is submitted of the first log: a gap, another chain at its end, a copy of its
    /// last batch, and an equivocation: other bytes in that one's place.
    func refused(by stage: any EngineStage) throws -> [EventLogError.Code?] {
        guard let last = batches[logs[0]]?.last else { return [nil] }
        let records = [
            EventRecord(kind: .interaction, stamp: HybridStamp(rawValue: 1), id: EventID(time: 1, client: 9), body: [9])
        ]
        func other(_ base: Offset, _ digest: Digest128) throws -> EncodedBatch {
            try EncodedBatch(sealing: records, of: logs[0], epoch: Epoch(1), baseOffset: base, previousDigest: digest)
        }
        let strangers = [
            try other(last.endOffset.advanced(by: 1), last.chainDigest), try other(last.endOffset, .zero), last,
            try other(last.header.baseOffset, last.header.previousDigest), try other(.zero, .zero),
        ]
        return strangers.map { stranger in stage.refusal { try $0.submit(stranger) } }
    }

    func summary(of log: LogIdentity) -> LogSummary? {
        guard let last = batches[log]?.last else { return nil }
        return LogSummary(
            log: log, base: .zero, baseDigest: .zero, flushedEnd: last.endOffset, endDigest: last.chainDigest,
            lastStamp: last.header.lastStamp, epoch: last.header.epoch)
    }
}

extension EngineStage {
    /// The code with which the engine refuses; nil where it does not.
    func refusal<Value>(_ call: (any EventLogEngine) throws -> Value) -> EventLogError.Code? {
        do {
            _ = try call(engine)
            return nil
        } catch {
            return (error as? EventLogError)?.code
        }
    }

    /// Everything of a log.
    func all(of log: LogIdentity) throws -> [EncodedBatch] { try engine.read(log, from: .zero, maxBytes: .max) }
}
