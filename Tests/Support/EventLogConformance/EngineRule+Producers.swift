// Rules of idempotent producers: each batch once, whatever dies between it and its answer (S1, S6).

import ClusterModel
import EventLog

/// One line under producers: incarnations follow each other as starts do.
private struct ProducerFeed {
    private(set) var writer: OriginLogWriter
    private var time: UInt64 = 0

    init(incarnation: UInt64 = 1) {
        writer = OriginLogWriter(log: LogFeed.log(0, incarnation), epoch: Epoch(1))
    }

    /// A start: a new incarnation of the same line.
    mutating func begin(_ incarnation: UInt64) { writer = ProducerFeed(incarnation: incarnation).writer }

    /// Time passes for the stamps.
    mutating func pass(_ milliseconds: UInt64) { time += milliseconds }

    mutating func append(
        _ producer: BatchHeader.Producer, records: Int = 2, to engine: any EventLogEngine
    ) throws -> ProducerOutcome {
        time += 1
        let stamp = HybridStamp(at: WallTime(milliseconds: time))
        let made = (0..<records).map { number in
            EventRecord(
                kind: .interaction, stamp: stamp, id: EventID(time: time, client: UInt64(number)),
                body: [UInt8(truncatingIfNeeded: producer.sequence)])
        }
        return try engine.append(made, of: producer, with: &writer)
    }
}

private func producer(_ sequence: UInt32, epoch: UInt32 = 0, id: UInt64 = 7) -> BatchHeader.Producer {
    BatchHeader.Producer(id: id, epoch: epoch, sequence: sequence)
}

extension ProducerOutcome {
    fileprivate var place: ProducerBatch? {
        switch self {
        case .appended(let batch), .duplicate(let batch): batch
        case .refused: nil
        }
    }
}

extension EngineRule {
    static let producing = [
        EngineRule("a producer's batch is taken once, and its repetition is told its place") { stage in
            var check = RuleCheck()
            var feed = ProducerFeed()
            let recorder = FlushRecorder.observing([feed.writer.log], of: stage)
            stage.holdsFlushes = true
            let first = try feed.append(producer(0), to: stage.engine)
            check.equal(first.place?.base, .zero, "place of the first")
            let waiting = try feed.append(producer(0), to: stage.engine)
            check.equal(waiting, first.place.map { .duplicate($0) }, "repetition on its way to the disk")
            let second = try feed.append(producer(1), to: stage.engine)
            check.equal(second.place?.base, Offset(2), "place of the second")
            stage.holdsFlushes = false
            await recorder.wait(for: feed.writer.log, to: Offset(4))
            let flushed = try feed.append(producer(0), to: stage.engine)
            check.equal(flushed, first.place.map { .duplicate($0) }, "repetition of what is flushed")
            check.equal(try feed.append(producer(1), records: 3, to: stage.engine).place, nil, "another batch's number")
            check.equal(stage.engine.flushedEnd(of: feed.writer.log), Offset(4), "end")
            return check.complaints
        },
        EngineRule("gaps and former epochs of a producer are refused, and change nothing") { stage in
            var check = RuleCheck()
            var feed = ProducerFeed()
            let recorder = FlushRecorder.observing([feed.writer.log], of: stage)
            let engine = stage.engine
            check.equal(try feed.append(producer(3), to: engine), .refused(.unknown), "a stranger's fourth")
            _ = try feed.append(producer(0), to: engine)
            check.equal(try feed.append(producer(2), to: engine), .refused(.gap(expected: 1)), "a gap")
            check.equal(
                try feed.append(producer(1, epoch: 2), to: engine), .refused(.gap(expected: 0)), "a new epoch's second")
            check.equal(try feed.append(producer(0, epoch: 2), to: engine).place?.base, Offset(2), "a new epoch")
            check.equal(try feed.append(producer(1), to: engine), .refused(.fenced(current: 2)), "the former epoch")
            check.equal(try feed.append(producer(0), to: engine), .refused(.fenced(current: 2)), "its repetition")
            check.equal(try feed.append(producer(0, id: 8), to: engine).place?.base, Offset(4), "another producer")
            await recorder.wait(for: feed.writer.log, to: Offset(6))
            check.equal(try stage.all(of: feed.writer.log).count, 3, "batches")
            return check.complaints
        },
        EngineRule("producers are known after a clean stop and after a death") { stage in
            var check = RuleCheck()
            var feed = ProducerFeed()
            var places: [ProducerOutcome] = []
            for (life, isClean) in [true, false, true].enumerated() {
                let recorder = FlushRecorder.observing([feed.writer.log], of: stage)
                for sequence in UInt32(life * 2)..<UInt32(life * 2 + 2) {
                    places.append(try feed.append(producer(sequence), to: stage.engine))
                }
                await recorder.wait(for: feed.writer.log, to: Offset(4))
                let before = stage.engine.producers(of: feed.writer.log.name)
                try await stage.restart(afterCleanStop: isClean)
                check.equal(stage.engine.producers(of: feed.writer.log.name), before, "after start \(life + 1)")
                feed.begin(UInt64(life + 2))
                for (sequence, place) in places.enumerated() {
                    let again = try feed.append(producer(UInt32(sequence)), to: stage.engine)
                    check.equal(again, place.place.map { .duplicate($0) }, "start \(life + 1), batch \(sequence)")
                }
            }
            return check.complaints
        },
        EngineRule("S6: what a death took from a producer is taken again") { stage in
            var check = RuleCheck()
            var feed = ProducerFeed()
            let recorder = FlushRecorder.observing([feed.writer.log], of: stage)
            let first = try feed.append(producer(0), to: stage.engine)
            await recorder.wait(for: feed.writer.log, to: Offset(2))
            stage.holdsFlushes = true
            _ = try feed.append(producer(1), to: stage.engine)
            try await stage.restart(afterCleanStop: false)
            stage.holdsFlushes = false
            feed.begin(2)
            check.equal(
                try feed.append(producer(0), to: stage.engine), first.place.map { .duplicate($0) }, "what was flushed")
            let again = try feed.append(producer(1), to: stage.engine)
            check.equal(
                again,
                .appended(ProducerBatch(sequence: 1, count: 2, incarnation: Incarnation(2), base: .zero)),
                "what was not")
            return check.complaints
        },
        EngineRule("a line remembers a bounded number of producers, and of each its newest batches") { stage in
            var check = RuleCheck()
            var feed = ProducerFeed()
            let window = UInt32(ProducerLimits.window)
            for sequence in 0...window { _ = try feed.append(producer(sequence), to: stage.engine) }
            check.equal(
                try feed.append(producer(0), to: stage.engine), .refused(.beyondWindow(oldest: 1)), "the oldest")
            for id in 100..<UInt64(100 + ProducerLimits.producers - 1) {
                _ = try feed.append(producer(0, id: id), records: 1, to: stage.engine)
            }
            let stranger = producer(0, id: 9_999)
            check.equal(try feed.append(stranger, to: stage.engine), .refused(.tooManyProducers), "one too many")
            feed.pass(UInt64(ProducerLimits.horizon.components.seconds) * 1_000 + 1)
            check.expect(try feed.append(stranger, to: stage.engine).place != nil, "refused after the horizon")
            check.equal(try feed.append(producer(window + 1), to: stage.engine), .refused(.unknown), "the silent one")
            check.equal(
                stage.engine.producers(of: feed.writer.log.name).count, ProducerLimits.producers, "producers")
            return check.complaints
        },
    ]
}
