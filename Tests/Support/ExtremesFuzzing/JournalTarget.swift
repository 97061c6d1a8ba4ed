// A journal's files: identity, marks, segments, where logs begin that are cut, and the names themselves.

import ClusterModel
import EventLog
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment

/// One file of a stopped journal with extremes in it, and a start on it. The first byte says which file.
struct JournalTarget: ExtremesTarget {
    let name = "journal"
    let grammar: ExtremesGrammar
    let seeds: [[UInt8]]
    /// Without the file that is replaced; by path.
    private let files: [String: [UInt8]]
    private let paths: [String]

    private static let directory = "data"
    /// Kinds of names that hold a number, in hexadecimal where that is true.
    private static let names: [(suffix: String, isHexadecimal: Bool)] = [
        ("segment", true), ("spare", false), ("blank", false),
    ]

    init() {
        let files = (try? Self.makeFiles()) ?? [:]
        let paths = files.keys.sorted()
        (self.files, self.paths) = (files, paths)
        seeds =
            paths.enumerated().map { [UInt8($0)] + (files[$1] ?? []) }
            + Self.names.indices.map { [UInt8(255 - $0), 3, 0, 0, 0, 0, 0, 0, 0] }
        var grammar = ExtremesGrammar(
            bounds: [
                4_096, 4 << 20, 9 << 20, 1 << 20, 1 << 62, UInt64(ProducerLimits.window),
                UInt64(ProducerLimits.producers),
            ],
            strides: [24, 32, 8], share: 1)
        grammar.maxBytes = 1 << 20
        self.grammar = grammar
    }

    /// What a node left that was killed, segments cut behind their last byte.
    private static func makeFiles() throws -> [String: [UInt8]] {
        let stepped = SteppedEnvironment(seed: 5)
        let log = try SegmentLog.open(directory: directory, environment: stepped.environment)
        for batch in try ExtremesSamples.chain(ExtremesSamples.log(1, 5)) { try log.submit(batch) }
        for batch in try ExtremesSamples.chain(ExtremesSamples.log(2, 7), compressing: true) { try log.submit(batch) }
        stepped.clock.advance(by: .seconds(1))
        // One log goes on from another member's snapshot: that leaves the file of bases.
        try log.adopt([
            LogBase(
                log: ExtremesSamples.log(3, 8), offset: Offset(7), digest: Digest128(high: 1, low: 2),
                lastStamp: HybridStamp(at: ExtremesSamples.now), epoch: Epoch(1))
        ])
        log.abandon()
        var files: [String: [UInt8]] = [:]
        for path in stepped.files.paths() {
            let file = try stepped.files.open(path, .read)
            defer { file.close() }
            var bytes = try file.read(at: 0, count: Int(clamping: try file.length()))
            if path.hasSuffix(".segment") {
                let end = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
                bytes.removeLast(bytes.count - min(bytes.count, (end + 511) / 512 * 512))
            }
            if !bytes.isEmpty, !path.hasSuffix("spare"), !path.hasSuffix("blank") { files[path] = bytes }
        }
        return files
    }

    func seal(_ bytes: inout [UInt8]) {
        guard let first = bytes.first, Int(first) < paths.count else { return }
        var content = Array(bytes.dropFirst())
        let path = paths[Int(first)]
        if path.hasSuffix(".segment") {
            Checksums.sealSegment(&content)
        } else if path.hasSuffix("/marks") {
            for slot in [0, 512] { Checksums.seal(&content, at: slot + 4, over: slot + 8..<slot + 40) }
        } else {
            Checksums.sealWhole(&content)
        }
        bytes = [first] + content
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first else { return false }
        let content = Array(bytes.dropFirst())
        let stepped = SteppedEnvironment(seed: 6)
        do {
            for path in paths where first >= paths.count || path != paths[Int(first)] {
                try write(files[path] ?? [], to: path, stepped.files)
            }
            if Int(first) < paths.count {
                try write(content, to: paths[Int(first)], stepped.files)
            } else {
                try write([], to: path(named: first, content), stepped.files)
            }
            return try start(stepped)
        } catch {
            // A directory that cannot be opened is refused.
            return false
        }
    }

    private func path(named first: UInt8, _ content: [UInt8]) -> String {
        let kind = Self.names[min(Int(255 - first), Self.names.count - 1)]
        let number = content.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let digits = String(number, radix: kind.isHexadecimal ? 16 : 10)
        let padding = String(repeating: "0", count: kind.isHexadecimal ? 16 - digits.count : 0)
        return "\(Self.directory)/\(padding)\(digits).\(kind.suffix)"
    }

    private func write(_ bytes: [UInt8], to path: String, _ files: SimulatedFileStore) throws {
        let file = try files.open(path, .createOrReplace)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.synchronizeData()
        try files.syncDirectory(Self.directory)
    }

    private func start(_ stepped: SteppedEnvironment) throws -> Bool {
        var folded = 0
        let log = try SegmentLog.open(directory: Self.directory, environment: stepped.environment) {
            folded += Int(clamping: $0.header.count)
        }
        defer { log.abandon() }
        let summaries = log.logs()
        for summary in summaries {
            // What does not verify is reported.
            _ = try? log.read(summary.log, from: summary.base, maxBytes: 1 << 20)
            _ = log.recent(summary.log, from: .zero, maxBytes: 1)
            _ = log.chainDigest(of: summary.log, at: summary.flushedEnd)
        }
        _ = try? log.read(summaries.map { ($0.log, $0.base) }, total: 1 << 20)
        _ = try? IncarnationPlan(
            starting: [ExtremesSamples.log(1, 5).name], after: log.recovered, now: ExtremesSamples.now, entropy: 5,
            bounds: .standard, applyVersion: 1, isSoleMember: true)
        _ = try? log.trim(
            TrimInputs(
                floors: Dictionary(summaries.map { ($0.log, TrimFloor.open) }, uniquingKeysWith: { first, _ in first }),
                now: WallTime(milliseconds: WallTime.mask), retention: .zero, retentionBytes: 0, pinMaxBytes: .max))
        // Going on writes behind everything that was found; it costs a segment, so not every time.
        if folded % 8 == 5 {
            for batch in try ExtremesSamples.chain(ExtremesSamples.log(3, 9)) { _ = try? log.submit(batch) }
            stepped.clock.advance(by: .seconds(1))
        }
        return !summaries.isEmpty
    }
}
