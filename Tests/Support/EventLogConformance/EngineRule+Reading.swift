// Rules of reading from the medium: ranges, bounds, many logs at once.

import ClusterModel
import EventLog

extension EngineRule {
    static let reading = [
        EngineRule("reading begins in the batch that holds the offset") { stage in
            var check = RuleCheck()
            var feed = LogFeed()
            let recorder = FlushRecorder.observing(feed.logs, of: stage)
            try await feed.fill(stage, 30, listening: recorder)
            for log in feed.logs {
                let batches = feed.batches[log] ?? []
                for offset in 0..<feed.end(of: log).rawValue {
                    let found = try stage.engine.read(log, from: Offset(offset), maxBytes: .max)
                    check.equal(found, batches.filter { $0.endOffset > Offset(offset) }, "\(log) from \(offset)")
                }
            }
            return check.complaints
        },
        EngineRule("reading is bounded by bytes, and gives one batch at least") { stage in
            var check = RuleCheck()
            var feed = LogFeed(logs: 1)
            let (recorder, log) = (FlushRecorder.observing(feed.logs, of: stage), feed.logs[0])
            try await feed.fill(stage, 10, listening: recorder)
            let batches = feed.batches[log] ?? []
            let size = batches[0].bytes.count
            for (bytes, count) in [(0, 1), (1, 1), (size, 1), (2 * size - 1, 1), (2 * size, 2), (5 * size + 1, 5)] {
                let found = try stage.engine.read(log, from: Offset(4), maxBytes: bytes)
                check.equal(found, Array(batches[1...].prefix(count)), "\(bytes) bytes")
            }
            return check.complaints
        },
        EngineRule("reading beyond the end, or of no log, is out of range") { stage in
            var check = RuleCheck()
            var feed = LogFeed(logs: 1)
            let (recorder, log) = (FlushRecorder.observing(feed.logs, of: stage), feed.logs[0])
            try await feed.fill(stage, 2, listening: recorder)
            let end = feed.end(of: log)
            for (place, offset) in [(log, end), (log, end.advanced(by: 9)), (LogFeed.log(7), .zero)] {
                check.equal(
                    stage.refusal { try $0.read(place, from: offset, maxBytes: 1) }, .outOfRange, "\(place) \(offset)")
                check.equal(try stage.engine.read([(place, offset)], total: 1), [:], "\(place) \(offset), many")
            }
            return check.complaints
        },
        EngineRule("readers of many logs get all, a piece at a time") { stage in
            var check = RuleCheck()
            var feed = LogFeed(logs: 5)
            let recorder = FlushRecorder.observing(feed.logs, of: stage)
            try await feed.fill(stage, 200, listening: recorder)
            for total in [1, 1_500, 20_000] {
                var found: [LogIdentity: [EncodedBatch]] = [:]
                var rounds = 0
                while rounds < 1_000 {
                    let places = feed.logs.map { ($0, found[$0]?.last?.endOffset ?? .zero) }
                        .filter { $0.1 < feed.end(of: $0.0) }
                    guard let first = places.first else { break }
                    rounds += 1
                    let readings = try stage.engine.read(places, total: total)
                    check.expect(readings[first.0] != nil, "the first of \(places.count) gets nothing, \(total) bytes")
                    for (log, reading) in readings {
                        if case .batches(let batches) = reading { found[log, default: []] += batches }
                    }
                }
                check.equal(found, feed.batches, "\(total) bytes a time")
            }
            return check.complaints
        },
    ]
}
