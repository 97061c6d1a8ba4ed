// Rules of readers at the tail: waking, memory, digests (S6, S11).

import ClusterModel
import EventLog
import Synchronization

extension EngineRule {
    static let tailing = [
        EngineRule("watchers hear which logs moved, after they did") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let recorder = FlushRecorder.observing(feed.logs, of: stage)
            let moved = Mutex<[Set<LogIdentity>]>([])
            let (woken, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            let engine = stage.engine
            let early = Mutex(0)
            check.expect(
                engine.watch(on: stage.executor) { logs in
                    if logs.contains(where: { engine.flushedEnd(of: $0) == .zero }) { early.withLock { $0 += 1 } }
                    let heard = moved.withLock { moved in
                        moved.append(Set(logs))
                        return moved.reduce(Set()) { $0.union($1) }
                    }
                    if heard.count == 3 { wake.yield() }
                }, "a first watcher is refused")
            try await feed.fill(stage, 9, listening: recorder)
            for await _ in woken { break }
            check.equal(moved.withLock { $0.reduce(Set()) { $0.union($1) } }, Set(feed.logs), "logs")
            check.equal(early.withLock { $0 }, 0, "calls before the flush could be seen")
            return check.complaints
        },
        EngineRule("memory gives what reading would, or nothing") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let recorder = FlushRecorder.observing(feed.logs, of: stage)
            try await feed.fill(stage, 6, listening: recorder)
            check.expect(stage.engine.watch(on: stage.executor) { _ in }, "a watcher is refused")
            try await feed.fill(stage, 30, listening: recorder)
            for log in feed.logs {
                for offset in 0..<feed.end(of: log).rawValue {
                    for bytes in [1, 1_000, Int.max] {
                        guard let found = stage.engine.recent(log, from: Offset(offset), maxBytes: bytes) else {
                            continue
                        }
                        let read = try stage.engine.read(log, from: Offset(offset), maxBytes: bytes)
                        check.equal(found, read, "\(log) from \(offset), \(bytes) bytes")
                    }
                }
                let last = feed.batches[log]?.last
                let tail = stage.engine.recent(log, from: last?.header.baseOffset ?? .zero, maxBytes: .max)
                check.equal(tail, last.map { [$0] }, "the tail of \(log)")
                check.equal(
                    stage.engine.recent(log, from: feed.end(of: log), maxBytes: .max) ?? [], [], "beyond \(log)")
            }
            return check.complaints
        },
        EngineRule("S11: digests at the ends of the newest batches, and nowhere else") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let recorder = FlushRecorder.observing(feed.logs, of: stage)
            try await feed.fill(stage, 30, listening: recorder)
            for log in feed.logs {
                check.equal(stage.engine.chainDigest(of: log, at: .zero), .zero, "the start of \(log)")
                for batch in feed.batches[log] ?? [] {
                    check.equal(
                        stage.engine.chainDigest(of: log, at: batch.endOffset), batch.chainDigest,
                        "\(log) at \(batch.endOffset.rawValue)")
                    let inside = batch.header.baseOffset.advanced(by: 1)
                    check.equal(stage.engine.chainDigest(of: log, at: inside), nil, "inside a batch of \(log)")
                }
                let beyond = feed.end(of: log).advanced(by: 1)
                check.equal(stage.engine.chainDigest(of: log, at: beyond), nil, "beyond \(log)")
            }
            check.equal(stage.engine.chainDigest(of: LogFeed.log(7), at: Offset(1)), nil, "of no log")
            return check.complaints
        },
    ]
}
