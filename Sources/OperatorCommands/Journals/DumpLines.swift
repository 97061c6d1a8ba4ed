// The lines of a journal's dump, for people and for programs.

package import ClusterModel
import EventLog
package import SegmentLog

/// One line of a dump.
package struct DumpLine: Hashable, Sendable {
    package var text: String
    package var json: JSONValue
}

/// Turns what a reading comes by into lines, as many as allowed. A value.
package struct DumpLines: Sendable {
    private let frames: Bool
    private let records: Bool
    private let bodies: Bool
    private let offsets: Range<Offset>
    /// Lines of batches, records and frames that are still allowed.
    private var rest: Int
    /// There would have been more.
    package private(set) var isCut = false
    package private(set) var hasDamage = false

    /// `offsets`: of records.
    package init(frames: Bool, records: Bool, bodies: Bool, offsets: Range<Offset>, limit: Int) {
        self.frames = frames
        self.records = records
        self.bodies = bodies
        self.offsets = offsets
        rest = limit
    }

    package mutating func take(_ item: JournalItem) -> [DumpLine] {
        switch item {
        case .directory(let identity):
            return [
                DumpLine(text: "directory: \(identity.line)", json: .object(["directory": identity.answer]))
            ]
        case .mark(let slot, let mark): return [Self.line(slot, mark)]
        case .trimmed(let below, let logs): return [Self.line(trimmed: below, logs)]
        case .segment(let path, let generation):
            return [
                DumpLine(
                    text: "segment \(path)",
                    json: .object(["segment": .string(path), "generation": .count(generation)]))
            ]
        case .group(let group): return frames ? counted([Self.line(group)]) : []
        case .batch(let batch, let generation, let position):
            return counted([Self.line(batch, generation, position)] + (records ? recordLines(of: batch) : []))
        case .damage(let range):
            hasDamage = true
            return [DumpLine(text: range.line, json: .object(["corrupt": JSONValue(range)]))]
        }
    }

    private mutating func counted(_ lines: [DumpLine]) -> [DumpLine] {
        isCut = isCut || lines.count > rest
        let kept = Array(lines.prefix(rest))
        rest -= kept.count
        return kept
    }

    private static func line(_ slot: Int, _ mark: JournalMark?) -> DumpLine {
        guard let mark else {
            return DumpLine(
                text: "mark \(slot): blank or damaged", json: .object(["mark": .count(slot), "sequence": .null]))
        }
        return DumpLine(
            text: "mark \(slot): sequence \(mark.sequence), group \(mark.group)\(mark.isClean ? ", clean stop" : "")",
            json: .object([
                "mark": .count(slot), "sequence": .count(mark.sequence), "group": .count(mark.group),
                "clean": .boolean(mark.isClean), "journal": .string(String(mark.journal, radix: 16)),
            ]))
    }

    private static func line(trimmed below: UInt64, _ logs: Int) -> DumpLine {
        DumpLine(
            text: "trimmed: segments below \(below), the beginnings of \(logs) logs",
            json: .object(["trimmed_below": .count(below), "logs": .count(logs)]))
    }

    private static func line(_ group: JournalGroup) -> DumpLine {
        let (first, end) = (group.bytes.lowerBound, group.bytes.upperBound)
        return DumpLine(
            text: "  group \(group.number) bytes \(first)..<\(end): \(group.batches) batches, mark \(group.mark)",
            json: .object([
                "group": .count(group.number), "generation": .count(group.generation), "first_byte": .count(first),
                "end_byte": .count(end), "batches": .count(group.batches), "mark": .count(group.mark),
            ]))
    }

    private static func line(_ batch: EncodedBatch, _ generation: UInt64, _ position: UInt64) -> DumpLine {
        let header = batch.header
        let (base, end) = (header.baseOffset.rawValue, batch.endOffset.rawValue)
        return DumpLine(
            text: "  batch \(header.log) offsets \(base)..<\(end) at byte \(position): \(batch.length) bytes, "
                + "stamps \(header.firstStamp.wallTime.milliseconds)..\(header.lastStamp.wallTime.milliseconds) ms, "
                + "digest \(batch.chainDigest)",
            json: .object([
                "batch": .string(header.log.description), "base": .count(base), "end": .count(end),
                "generation": .count(generation), "first_byte": .count(position), "bytes": .count(batch.length),
                "compressed": .boolean(header.codec == .lz4), "epoch": .count(header.epoch.rawValue),
                "first_stamp_ms": .count(header.firstStamp.wallTime.milliseconds),
                "last_stamp_ms": .count(header.lastStamp.wallTime.milliseconds),
                "previous_digest": .string(header.previousDigest.description),
                "digest": .string(batch.chainDigest.description),
            ]))
    }

    private mutating func recordLines(of batch: EncodedBatch) -> [DumpLine] {
        // The checksums are right: a version that this one cannot read.
        guard let records = try? batch.records() else {
            hasDamage = true
            let offset = batch.header.baseOffset.rawValue
            return [
                DumpLine(
                    text: "    UNREADABLE records of \(batch.header.log) from \(offset)",
                    json: .object(["unreadable": .string(batch.header.log.description), "offset": .count(offset)]))
            ]
        }
        var offset = batch.header.baseOffset
        var lines: [DumpLine] = []
        for record in records {
            if offsets.contains(offset) { lines.append(line(record, at: offset)) }
            offset = offset.advanced(by: 1)
        }
        return lines
    }

    private func line(_ record: EventRecord, at offset: Offset) -> DumpLine {
        let time = record.stamp.wallTime.milliseconds
        var text = "    record \(offset.rawValue) kind \(record.kind.rawValue) v\(record.version) stamp \(time) ms "
        text += "id \(record.id): \(record.content.count) bytes"
        var members = [
            JSONValue.Member(key: "record", value: .count(offset.rawValue)),
            JSONValue.Member(key: "kind", value: .count(record.kind.rawValue)),
            JSONValue.Member(key: "version", value: .count(record.version)),
            JSONValue.Member(key: "stamp_ms", value: .count(time)),
            JSONValue.Member(key: "id", value: .string(record.id.description)),
            JSONValue.Member(key: "body_bytes", value: .count(record.content.count)),
        ]
        if bodies {
            let hexadecimal = record.content.hexadecimal
            text += " \(hexadecimal)"
            members.append(JSONValue.Member(key: "body", value: .string(hexadecimal)))
        }
        return DumpLine(text: text, json: .object(members))
    }
}
