// How far a replica has applied each origin's line, and each origin's time (S1, S1a, S2).

package import ClusterModel
package import EventLog
package import MergeableState

/// Progress through the logs of one topic and partition, over all origins. A pure value.
package struct OriginLines: Hashable, Sendable {
    package struct Progress: Hashable, Sendable {
        package var incarnation: Incarnation
        package var next: Offset
        package var lastStamp: HybridStamp
        /// Whether the line begins with a predecessor named in its opening.
        package var isLinked: Bool
    }

    /// Incarnations that still count by origin, oldest first: the current one, and older ones without an agreed end.
    private var origins: [RegionNumber: [Progress]] = [:]
    /// Origins whose line starts unlinked and has no ends record applied: they have no time yet (S2).
    private var untimed: Set<RegionNumber> = []
    /// The newest ends record of each origin: agreed ends are facts (S1a).
    private var agreed: [RegionNumber: EndsRecord] = [:]

    package init() {}

    /// The next offset to apply in a log.
    package func next(in region: RegionNumber, _ incarnation: Incarnation) -> Offset {
        origins[region]?.first { $0.incarnation == incarnation }?.next ?? .zero
    }

    /// One entry an incarnation that is not yet agreed ended; normally one a region.
    package var vector: VersionVector {
        VersionVector(
            origins.keys.sorted().flatMap { region in
                (origins[region] ?? []).map {
                    VersionVector.Entry(region: region, incarnation: $0.incarnation, next: $0.next)
                }
            })
    }

    /// Whether an entry of a session token is met here (S12). Only its own line can ever satisfy it.
    package func verdict(on entry: VersionVector.Entry) -> SessionVerdict {
        let progress = origins[entry.region] ?? []
        if let own = progress.first(where: { $0.incarnation == entry.incarnation }) {
            return own.next >= entry.next ? .met : .pending
        }
        guard let ends = agreed[entry.region], let newest = progress.last, entry.incarnation < newest.incarnation else {
            return .pending
        }
        return entry.next <= ends.end(of: entry.incarnation) ? .met : .lost
    }

    /// Records that the record at `offset` was applied.
    package mutating func onRecord(
        _ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError) {
        var progress = origins[region] ?? []
        let place: Int
        if let known = progress.firstIndex(where: { $0.incarnation == incarnation }) {
            place = known
        } else {
            place = progress.firstIndex { $0.incarnation > incarnation } ?? progress.count
            progress.insert(
                Progress(incarnation: incarnation, next: .zero, lastStamp: .zero, isLinked: false), at: place)
        }
        guard progress[place].next == offset else { throw .gap(expected: progress[place].next, found: offset) }
        progress[place].next = offset.advanced(by: 1)
        progress[place].lastStamp = max(progress[place].lastStamp, record.stamp)
        switch record.kind {
        case .opening: try open(record, region, &progress[place])
        case .ends: try agree(record, region, &progress)
        default: break
        }
        origins[region] = progress
    }

    private mutating func open(
        _ record: EventRecord, _ region: RegionNumber, _ progress: inout Progress
    ) throws(ApplyError) {
        do {
            progress.isLinked = try OpeningRecord(body: record.body).predecessor != nil
        } catch {
            throw .malformed("\(error)")
        }
        // A first start has no older incarnation to wait for: genesis counts as linked once nothing else is known.
        if !progress.isLinked, origins[region]?.isEmpty ?? true { return }
        if !progress.isLinked { untimed.insert(region) }
    }

    /// S1a: the listed incarnations end there; one that is not listed has end 0. Either way they no longer hold up time.
    private mutating func agree(
        _ record: EventRecord, _ region: RegionNumber, _ progress: inout [Progress]
    ) throws(ApplyError) {
        let ends: EndsRecord
        do { ends = try EndsRecord(body: record.body) } catch { throw .malformed("\(error)") }
        let newest = progress.map(\.incarnation).max()
        for older in progress where older.incarnation != newest {
            guard older.next == ends.end(of: older.incarnation) else {
                throw .endDiffers(
                    incarnation: older.incarnation, applied: older.next, agreed: ends.end(of: older.incarnation))
            }
        }
        progress.removeAll { $0.incarnation != newest }
        agreed[region] = ends
        untimed.remove(region)
    }

    /// An origin's time: the minimum of the last applied stamps over its current line and every older incarnation
    /// without an agreed end (S2). Nil while it has none.
    package func time(of region: RegionNumber) -> WallTime? {
        guard !untimed.contains(region) else { return nil }
        return origins[region]?.map(\.lastStamp).min()?.wallTime
    }

    /// The least time over `members`; nil while one of them has none.
    package func time(over members: [RegionNumber]) -> WallTime? {
        var least: WallTime?
        for member in members {
            guard let time = time(of: member) else { return nil }
            least = min(least ?? time, time)
        }
        return least
    }
}

/// What became of a position that a session names.
package enum SessionVerdict: Hashable, Sendable {
    case met
    /// Not applied here yet.
    case pending
    /// Beyond the agreed end of its incarnation: that record died unflushed, LOST_TAIL.
    case lost
}

/// Why a record cannot be applied. The log stops there, loudly (S3).
package enum ApplyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not the next record of its log.
    case gap(expected: Offset, found: Offset)
    /// A kind or version that this version does not know.
    case unknownKind(RecordKind)
    case malformed(String)
    /// A replica applied an older incarnation to another end than was agreed (S1a).
    case endDiffers(incarnation: Incarnation, applied: Offset, agreed: Offset)

    package var description: String {
        switch self {
        case .gap(let expected, let found): "record \(found.rawValue) follows \(expected.rawValue)"
        case .unknownKind(let kind): "record kind \(kind.rawValue) is of a newer version"
        case .malformed(let what): "a record cannot be read: \(what)"
        case .endDiffers(let incarnation, let applied, let agreed):
            "incarnation \(String(incarnation.rawValue, radix: 16)) was applied to \(applied.rawValue); "
                + "its agreed end is \(agreed.rawValue)"
        }
    }
}

extension OriginLines {
    /// For snapshots.
    func encode(into writer: inout ByteWriter) {
        writer.write(UInt16(clamping: origins.count))
        for region in origins.keys.sorted() {
            let progress = origins[region] ?? []
            writer.write(region.rawValue)
            writer.write(UInt8(untimed.contains(region) ? 1 : 0))
            writer.write(UInt16(clamping: progress.count))
            for item in progress {
                writer.write(item.incarnation.rawValue)
                writer.write(item.next.rawValue)
                writer.write(item.lastStamp.rawValue)
                writer.write(UInt8(item.isLinked ? 1 : 0))
            }
            writer.write(lengthPrefixed: agreed[region]?.body ?? [])
        }
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init()
        for _ in 0..<(try reader.read(UInt16.self)) {
            let region = RegionNumber(try reader.read())
            if try reader.read(UInt8.self) == 1 { untimed.insert(region) }
            var progress: [Progress] = []
            for _ in 0..<(try reader.read(UInt16.self)) {
                progress.append(
                    Progress(
                        incarnation: Incarnation(try reader.read()), next: Offset(try reader.read()),
                        lastStamp: HybridStamp(rawValue: try reader.read()), isLinked: try reader.read(UInt8.self) == 1))
            }
            origins[region] = progress
            let ends = try reader.readLengthPrefixed(limit: 2 + 16 * EndsRecord.maxEnds)
            if !ends.isEmpty { agreed[region] = try EndsRecord(body: Array(ends)) }
        }
    }
}
