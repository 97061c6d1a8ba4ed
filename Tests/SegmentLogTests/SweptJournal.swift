// A journal of several segments with interleaved logs of different lengths, and a follower that catches up with it.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

struct SweptJournal {
    /// What one who reads all logs has.
    struct Follower {
        var reached: [LogIdentity: (end: Offset, digest: Digest128)] = [:]
        var unreadable: [LogIdentity: Range<Offset>] = [:]
        var rounds = 0
    }

    let disk = SimulatedFileStore()
    let files: CountingFiles
    let stepped: SteppedEnvironment
    private(set) var log: SegmentLog
    var generator: SeededGenerator
    private var writers: [OriginLogWriter]

    init(seed: UInt64, logs: Int = 5) throws {
        generator = SeededGenerator(seed: seed)
        files = CountingFiles(disk)
        stepped = SteppedEnvironment(seed: seed, files: disk)
        log = try Self.open(stepped, files)
        writers = (0..<logs).map { OriginLogWriter(log: JournalHarness.identity($0, incarnation: 1), epoch: Epoch(1)) }
    }

    private static func open(_ stepped: SteppedEnvironment, _ files: CountingFiles) throws -> SegmentLog {
        let environment = stepped.environment
        return try SegmentLog.open(
            directory: JournalHarness.directory,
            environment: NodeEnvironment(
                clock: environment.clock, entropy: environment.entropy, executors: environment.executors,
                files: files, links: environment.links),
            limits: JournalLimits(segmentBytes: JournalLimits.minSegmentBytes))
    }

    /// Batches of random logs, the first ones more often, of up to four records of up to `recordBytes` that do not compress.
    mutating func write(batches: Int, recordBytes: UInt64) throws {
        let count = UInt64(writers.count)
        for _ in 0..<batches {
            let index = Int(generator.next() % count * (1 + generator.next() % count) / count)
            for _ in 0..<1 + generator.next() % 4 {
                try append(to: index, bytes: 1 + generator.next() % recordBytes)
            }
            if let batch = try writers[index].seal() { try log.submit(batch) }
        }
    }

    /// One batch of one record.
    @discardableResult
    mutating func write(to index: Int, bytes: UInt64 = 100) throws -> EncodedBatch {
        try append(to: index, bytes: bytes)
        let batch = try #require(try writers[index].seal())
        try log.submit(batch)
        return batch
    }

    private mutating func append(to index: Int, bytes: UInt64) throws {
        var body: [UInt8] = []
        body.reserveCapacity(Int(bytes) + 8)
        while body.count < Int(bytes) {
            withUnsafeBytes(of: generator.next()) { body.append(contentsOf: $0) }
        }
        _ = try writers[index].append(
            EventRecord(
                kind: .interaction, stamp: HybridStamp(rawValue: 1), id: EventID(time: 1, client: 1), body: body))
    }

    func identity(_ index: Int) -> LogIdentity { writers[index].log }

    /// kill -9, and a new start on what is on the disk.
    mutating func restart() throws {
        disk.releaseLocks()
        log = try Self.open(stepped, files)
    }

    /// Bytes of batches on the disk.
    var writtenBytes: Int {
        log.logs().reduce(0) { sum, summary in
            // A log that cannot be read has none to follow.
            let batches = (try? log.read(summary.log, from: .zero, maxBytes: .max)) ?? []
            return sum + batches.reduce(0) { $0 + $1.bytes.count }
        }
    }

    /// Reads all logs from their beginnings, a piece at a time, as a mirror does: those that cannot be read are asked for no more.
    /// Their order turns by one each time.
    func follow(total: Int) throws -> Follower {
        var follower = Follower()
        for summary in log.logs() { follower.reached[summary.log] = (.zero, .zero) }
        while true {
            let open = log.logs().map(\.log).filter { identity in
                follower.unreadable[identity] == nil
                    && follower.reached[identity]?.end ?? .zero < log.flushedEnd(of: identity)
            }
            if open.isEmpty { return follower }
            follower.rounds += 1
            try #require(follower.rounds < 2_000)
            let turned = open.indices.map { open[($0 + follower.rounds) % open.count] }
            let readings = try log.read(
                turned.map { ($0, follower.reached[$0]?.end ?? .zero) }, total: total)
            for (identity, reading) in readings { follower.take(reading, of: identity) }
        }
    }
}

extension SweptJournal.Follower {
    fileprivate mutating func take(_ reading: LogReading, of log: LogIdentity) {
        let reached = reached[log] ?? (.zero, .zero)
        switch reading {
        case .unreadable(let next): unreadable[log] = reached.end..<next
        case .batches(let batches):
            var place = reached
            for batch in batches {
                #expect(batch.extends(log, end: place.end, digest: place.digest))
                place = (batch.endOffset, batch.chainDigest)
            }
            self.reached[log] = place
        }
    }
}

extension LogReading {
    var batches: [EncodedBatch]? {
        if case .batches(let batches) = self { return batches }
        return nil
    }
}
