// A stretch of a segment of which nothing can be read, not even which logs' batches stood there: what each log lacks between
// the batch before it and the batch behind it says so, and its length says whether that is all.

import ClusterModel
import EventLog

/// Whole groups, between two that stand. A value.
struct LostStretch: Hashable, Sendable {
    /// What the last group before it says of those that follow.
    struct Group: Hashable, Sendable {
        var number: UInt64
        var mark: UInt64
        var previousSegmentEnd: UInt64

        init(_ frame: GroupFrame) {
            (number, mark, previousSegmentEnd) = (frame.number, frame.mark, frame.previousSegmentEnd)
        }
    }

    var bytes: Range<UInt64>
    /// Nil at a segment's beginning: its first frame says what no other does.
    var before: Group?
    /// The number of the first group behind it, in this segment or the next; nil where none is known.
    var nextGroup: UInt64?

    /// Longer ones are not put together.
    static let longest: UInt64 = 16 << 20

    /// How many groups stood here; nil where that, or what comes before, is not known.
    var groups: Int? {
        guard let before, let nextGroup, nextGroup > before.number + 1, UInt64(bytes.count) <= Self.longest else {
            return nil
        }
        return Int(clamping: nextGroup - before.number - 1)
    }

    /// The bytes of groups that hold these batches and fill the stretch; nil where none do: then these are not what stood
    /// here. Which batches were in one group nobody knows any more, and nobody needs to: a group is how they came to the disk.
    func rebuild(_ batches: [EncodedBatch], journal: UInt64, generation: UInt64) -> [UInt8]? {
        guard let before, let groups, !batches.isEmpty else { return nil }
        // Each log's in their order; stamps never go back along one.
        let ordered = batches.sorted {
            ($0.header.firstStamp, $0.header.log, $0.header.baseOffset)
                < ($1.header.firstStamp, $1.header.log, $1.header.baseOffset)
        }
        guard let counts = GroupFilling.counts(ordered.map(\.length), filling: bytes.count, groups: groups) else {
            return nil
        }
        var rebuilt: [UInt8] = []
        var rest = ordered[...]
        for (place, count) in counts.enumerated() {
            let group = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            let frame = GroupFrame(
                journal: journal, generation: generation, number: before.number + 1 + UInt64(place),
                position: bytes.lowerBound + UInt64(rebuilt.count), mark: before.mark,
                previousSegmentEnd: before.previousSegmentEnd, batches: group)
            for piece in frame.pieces(group).pieces { rebuilt += piece }
        }
        return rebuilt.count == bytes.count ? rebuilt : nil
    }
}

/// Puts batches into groups, in their order, so that together they have exactly a given length. Pure.
enum GroupFilling {
    /// Bounds of the search: a longer stretch stays reported.
    private static let maxCells = 1 << 22
    private static let maxSteps = 1 << 26

    /// How many batches each group takes, at most `groups` of them; nil where no way fills `total` bytes. Complexity:
    /// O(batches^2 x sectors), at most `maxSteps`.
    static func counts(_ lengths: [Int], filling total: Int, groups: Int) -> [Int]? {
        let sectors = total / GroupFrame.alignment
        guard total % GroupFrame.alignment == 0, groups > 0, !lengths.isEmpty, sectors > 0,
            (lengths.count + 1) * (sectors + 1) <= maxCells
        else { return nil }
        var table = Table(batches: lengths.count, sectors: sectors)
        var steps = 0
        for start in lengths.indices {
            for used in 0..<sectors {
                guard let fewest = table.groups(start, used), fewest < groups else { continue }
                var bytes = GroupFrame.headerLength
                for end in start..<min(lengths.count, start + JournalLimits.groupBatches) {
                    bytes += GroupFrame.entryLength + lengths[end]
                    let sum = used + GroupFrame.aligned(bytes) / GroupFrame.alignment
                    steps += 1
                    if sum > sectors { break }
                    table.offer(end + 1, sum, groups: fewest + 1, from: start, used)
                }
                guard steps <= maxSteps else { return nil }
            }
        }
        return table.path(to: lengths.count, sectors)
    }

    /// For each number of batches and of sectors that they fill: the fewest groups, and the batches before the last one.
    private struct Table {
        private let width: Int
        private var fewest: [UInt32]
        private var cameFrom: [(batches: UInt32, sectors: UInt32)]

        init(batches: Int, sectors: Int) {
            width = sectors + 1
            fewest = [UInt32](repeating: .max, count: (batches + 1) * width)
            cameFrom = [(UInt32, UInt32)](repeating: (0, 0), count: fewest.count)
            fewest[0] = 0
        }

        func groups(_ batches: Int, _ sectors: Int) -> Int? {
            let value = fewest[batches * width + sectors]
            return value == .max ? nil : Int(value)
        }

        mutating func offer(_ batches: Int, _ sectors: Int, groups: Int, from start: Int, _ used: Int) {
            let cell = batches * width + sectors
            guard UInt32(clamping: groups) < fewest[cell] else { return }
            fewest[cell] = UInt32(clamping: groups)
            cameFrom[cell] = (UInt32(clamping: start), UInt32(clamping: used))
        }

        func path(to batches: Int, _ sectors: Int) -> [Int]? {
            guard groups(batches, sectors) != nil else { return nil }
            var counts: [Int] = []
            var (batches, sectors) = (batches, sectors)
            while batches > 0 {
                let before = cameFrom[batches * width + sectors]
                counts.append(batches - Int(before.batches))
                (batches, sectors) = (Int(before.batches), Int(before.sectors))
            }
            return counts.reversed()
        }
    }
}

extension DamagedSegment {
    /// Where a log goes on behind a stretch, or where it was left before it: an offset and the chain digest there.
    struct Side: Hashable, Sendable {
        var offset: Offset
        var digest: Digest128
    }

    /// The last batch of a log that stands before a stretch in this segment, and the first one behind it.
    func sides(of stretch: LostStretch, in log: LogIdentity) -> (before: Side?, behind: Side?) {
        let links = links[log] ?? []
        let before = links.last { $0.position < stretch.bytes.lowerBound }
        let behind = links.first { $0.position >= stretch.bytes.upperBound }
        return (
            before.map { Side(offset: $0.end, digest: $0.digest) },
            behind.map { Side(offset: $0.base, digest: $0.previous) }
        )
    }

    /// Whether another stretch lies between the last batch of the log before this one and the first behind it: then nobody can
    /// say in which of them a batch stood.
    func isShared(_ stretch: LostStretch, in log: LogIdentity) -> Bool {
        let links = links[log] ?? []
        return lost.contains { other in
            guard other != stretch else { return false }
            let (low, high) = (
                min(other.bytes.lowerBound, stretch.bytes.lowerBound),
                max(other.bytes.lowerBound, stretch.bytes.lowerBound)
            )
            return !links.contains { $0.position > low && $0.position < high }
        }
    }
}
