// A journal of many small segments with all that was ever written to it, for tests that trim it.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment

@testable import SegmentLog

/// A segment takes three batches.
struct TrimmedJournal {
    static let directory = "journal"
    /// Far below what a node takes: every submit is a group of its own here.
    static let limits = {
        var limits = JournalLimits()
        limits.segmentBytes = 32 << 10
        return limits
    }()

    let stepped: SteppedEnvironment
    private let environment: NodeEnvironment
    var log: SegmentLog
    var writers: [OriginLogWriter]
    var written: [LogIdentity: [EncodedBatch]] = [:]
    private var count: UInt64 = 0

    /// `store`: what the journal sees of the disk.
    init(
        seed: UInt64, files: SimulatedFileStore = SimulatedFileStore(), logs: Int = 3,
        store: (any FileStore) -> any FileStore = { $0 }
    ) throws {
        stepped = SteppedEnvironment(seed: seed, files: files)
        let base = stepped.environment
        environment = NodeEnvironment(
            clock: base.clock, entropy: base.entropy, executors: base.executors, files: store(files), links: base.links)
        log = try SegmentLog.open(directory: Self.directory, environment: environment, limits: Self.limits)
        writers = (0..<logs).map {
            OriginLogWriter(log: JournalHarness.identity($0, incarnation: 1), epoch: Epoch(1))
        }
    }

    /// Batches in turn over the logs.
    mutating func append(_ batches: Int, bytes: Int = 9_000) throws {
        for _ in 0..<batches {
            let index = Int(count) % writers.count
            count += 1
            let record = EventRecord(
                kind: .interaction, stamp: HybridStamp(at: WallTime(milliseconds: count)),
                id: EventID(time: count, client: 1),
                body: [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: bytes))
            _ = try writers[index].append(record)
            guard let batch = try writers[index].seal(compressing: false) else { continue }
            try log.submit(batch)
            written[writers[index].log, default: []].append(batch)
        }
    }

    mutating func reopen() throws {
        log = try SegmentLog.open(directory: Self.directory, environment: environment, limits: Self.limits)
    }

    /// A new process that reads the whole journal, as after kill -9.
    mutating func reopenScanning() throws {
        log.abandon()
        try reopen()
    }

    /// Nothing is too young, everything may go.
    func inputs(_ change: (inout TrimInputs) -> Void = { _ in }) -> TrimInputs {
        var inputs = TrimInputs(
            floors: Dictionary(uniqueKeysWithValues: writers.map { ($0.log, TrimFloor.open) }),
            now: WallTime(milliseconds: 1 << 40), retention: .zero, retentionBytes: 0, pinMaxBytes: 1 << 50)
        change(&inputs)
        return inputs
    }

    var segments: [String] { stepped.files.paths().filter { $0.hasSuffix(".segment") } }

    /// The index that the next start would believe.
    func index() throws -> JournalIndex? {
        let directory = JournalDirectory(path: Self.directory, files: stepped.files)
        let mark = Mark.newest(in: try bytes("\(Self.directory)/marks"))
        return try mark.flatMap { try directory.readIndex(of: $0) }
    }

    func bytes(_ path: String) throws -> [UInt8] {
        let file = try stepped.files.open(path, .read)
        defer { file.close() }
        return try file.read(at: 0, count: Int(try file.length()))
    }

    func put(_ bytes: [UInt8], _ path: String) throws {
        let file = try stepped.files.open(path, .createOrReplace)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.synchronizeData()
        try stepped.files.syncDirectory(Self.directory)
    }

    /// What holders answer to the needs.
    func held(_ needs: [RepairNeed]) -> [EncodedBatch] { needs.flatMap { $0.select(from: written[$0.log] ?? []) } }

    /// Whether every log reads back as what was written from its base on.
    func readsBack() throws -> Bool {
        for (identity, batches) in written {
            guard let summary = log.summary(of: identity) else { return false }
            let kept = batches.filter { $0.header.baseOffset >= summary.base }
            guard kept.first.map({ $0.header.previousDigest == summary.baseDigest }) ?? true else { return false }
            var offset = summary.base
            for batch in kept {
                guard try log.read(identity, from: offset, maxBytes: 1) == [batch] else { return false }
                offset = batch.endOffset
            }
            guard offset == summary.flushedEnd else { return false }
        }
        return true
    }
}
