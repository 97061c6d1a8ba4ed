// A stopped node's journal, piece by piece: marks, segments, group frames, batches, and where bytes do not verify.

package import ClusterModel
package import EventLog
package import NodeEnvironment

/// What a reading comes by, in the order of the disk.
package enum JournalItem: Sendable {
    /// Whose it is, first, where something says so.
    case directory(DirectoryIdentity)
    /// A mark slot; nil where it does not verify.
    case mark(slot: Int, JournalMark?)
    /// Segments below this number are gone, and how many logs began in them.
    case trimmed(below: UInt64, logs: Int)
    case segment(path: String, generation: UInt64)
    case group(JournalGroup)
    case batch(EncodedBatch, generation: UInt64, position: UInt64)
    case damage(CorruptRange)
}

/// What a mark slot says (S7).
package struct JournalMark: Hashable, Sendable {
    package var journal: UInt64
    package var sequence: UInt64
    package var group: UInt64
    package var isClean: Bool
}

/// A group frame (S7), and where its group ends.
package struct JournalGroup: Hashable, Sendable {
    package var generation: UInt64
    package var number: UInt64
    package var mark: UInt64
    package var bytes: Range<UInt64>
    package var batches: Int
}

/// Which batches somebody wants to see.
package struct JournalSelection: Sendable {
    package var isWanted: @Sendable (LogIdentity) -> Bool
    package var offsets: Range<Offset>

    /// All of every log.
    package init(
        offsets: Range<Offset> = .zero..<Offset(.max),
        _ isWanted: @escaping @Sendable (LogIdentity) -> Bool = { _ in true }
    ) {
        self.offsets = offsets
        self.isWanted = isWanted
    }
}

/// Reads only. Bounded memory: one window, or one batch where that is longer.
package struct JournalDump {
    private let stopped: StoppedJournal
    private let selection: JournalSelection
    private let visit: (JournalItem) throws -> Bool

    /// Goes over the journal in `path` until `visit` says false. Bodies of batches that are not selected are not read. Blocks
    /// on the disk. Throws EventLogError, DirectoryRefusal, FileError `.locked` while a node runs on the directory, and what
    /// `visit` throws.
    package static func read(
        directory path: String, files: any FileStore, _ selection: JournalSelection = JournalSelection(),
        visit: (JournalItem) throws -> Bool
    ) throws {
        let stopped = try StoppedJournal(path, files: files)
        defer { stopped.release() }
        try withoutActuallyEscaping(visit) { visit in
            _ = try JournalDump(stopped: stopped, selection: selection, visit: visit).run()
        }
    }

    /// Whether it came to the end.
    private func run() throws -> Bool {
        if let identity = stopped.identity {
            guard try visit(.directory(identity)) else { return false }
        }
        for (slot, mark) in stopped.slots.enumerated() {
            let fact = mark.map {
                JournalMark(journal: $0.journal, sequence: $0.sequence, group: $0.group, isClean: $0.isClean)
            }
            guard try visit(.mark(slot: slot, fact)) else { return false }
        }
        let trimmed = stopped.trimmed
        if trimmed.sequence > 0 {
            guard try visit(.trimmed(below: trimmed.firstGeneration, logs: trimmed.bases.count)) else { return false }
        }
        for generation in try stopped.directory.generations() where generation >= trimmed.firstGeneration {
            guard try read(generation) else { return false }
        }
        return true
    }

    private func read(_ generation: UInt64) throws -> Bool {
        let path = stopped.directory.segmentPath(generation)
        guard try visit(.segment(path: path, generation: generation)) else { return false }
        let file = try stopped.directory.files.open(path, .read)
        defer { file.close() }
        let reader = try SegmentReader(file: file, journal: stopped.journal, generation: generation)
        var window = SegmentWindow(reader)
        let end = try stopped.directory.successor(of: generation, journal: stopped.journal)?.previousSegmentEnd
        var position: UInt64 = 0
        while end.map({ position < $0 }) ?? true {
            if let group = try window.frame(at: position) {
                guard try take(group, path, generation, &window) else { return false }
                position = group.end
                continue
            }
            // Behind the last group of the last segment nothing was promised, and nothing is called damage.
            guard let next = try window.nextFrame(from: position + UInt64(GroupFrame.alignment)) ?? end else {
                return true
            }
            let range = CorruptRange(path: path, bytes: position..<next, reason: "no group frame")
            guard try visit(.damage(range)) else { return false }
            position = next
        }
        return true
    }

    private func take(
        _ group: FoundFrame, _ path: String, _ generation: UInt64, _ window: inout SegmentWindow
    ) throws -> Bool {
        let fact = JournalGroup(
            generation: generation, number: group.frame.number, mark: group.frame.mark,
            bytes: group.frame.position..<group.end, batches: group.frame.entries.count)
        guard try visit(.group(fact)) else { return false }
        var position = group.batches
        for entry in group.frame.entries {
            defer { position += UInt64(entry.length) }
            guard selection.isWanted(entry.log), entry.base < selection.offsets.upperBound else { continue }
            guard let header = try window.header(entry, at: position) else {
                guard try visit(damage(entry, path, position)) else { return false }
                continue
            }
            guard header.baseOffset.advanced(by: Int(header.count)) > selection.offsets.lowerBound else { continue }
            let item =
                try window.batch(entry, at: position).map {
                    JournalItem.batch($0, generation: generation, position: position)
                } ?? damage(entry, path, position)
            guard try visit(item) else { return false }
        }
        return true
    }

    private func damage(_ entry: GroupFrame.Entry, _ path: String, _ position: UInt64) -> JournalItem {
        .damage(
            CorruptRange(
                path: path, bytes: position..<position + UInt64(entry.length),
                reason: "the batch of \(entry.log) at \(entry.base.rawValue) does not verify"))
    }
}
