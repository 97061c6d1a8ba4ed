// Repair of a sealed segment: a copy with the original bytes in the place of the damaged ones is written beside it, verified
// as a whole, and takes its name. Nothing that is sound is ever written over, and a crash leaves the old file or the new one.

import ClusterModel
package import EventLog
import NodeEnvironment
import Synchronization

extension SegmentLog {
    /// The segment that a corrupt range's path names; nil where it names none.
    package func generation(ofSegment path: String) -> UInt64? {
        guard let name = path.split(separator: "/").last, name.hasSuffix(".segment") else { return nil }
        return UInt64(name.dropLast(8), radix: 16)
    }

    /// What a sealed segment needs to be whole again. Blocks on the disk. Throws EventLogError `.io`, and `.outOfRange` for
    /// a segment that is in use or gone.
    package func repairPlan(of generation: UInt64) throws(EventLogError) -> RepairPlan {
        try withoutTrims { () throws(EventLogError) -> RepairPlan in
            let survey = try reading { () throws(FileError) -> DamagedSegment in try self.survey(generation) }
            var plan = RepairPlan(generation: generation, hasKnown: !survey.known.isEmpty)
            let path = directory.segmentPath(generation)
            for range in survey.lost {
                plan.lost.append(
                    CorruptRange(path: path, bytes: range, reason: "neither frame nor batches can be read"))
            }
            for run in survey.runs {
                if let need = try need(of: run, survey, generation) {
                    plan.needs.append(need)
                } else if let first = run.missing.first, let last = run.missing.last {
                    let range = first.position..<max(first.position, last.position) + UInt64(last.entry.length)
                    plan.lost.append(
                        CorruptRange(path: path, bytes: range, reason: "the neighbours in \(run.log) cannot be read"))
                }
            }
            return plan
        }
    }

    /// Makes a segment whole with `batches`, of which each stretch must meet a need of its plan. What no batch is given for
    /// stays as it is. Whether all of the segment verifies now. Blocks on the disk. Throws EventLogError: `.corrupt` where
    /// the batches are not the ones, `.io`, `.noSpace`; the segment is unchanged then.
    package func repair(_ generation: UInt64, with batches: [EncodedBatch]) throws(EventLogError) -> Bool {
        let plan = try repairPlan(of: generation)
        var given: [LogIdentity: [Offset: EncodedBatch]] = [:]
        for need in plan.needs {
            let found = batches.filter {
                $0.header.log == need.log && $0.header.baseOffset >= need.from && $0.endOffset <= need.to
            }.sorted { $0.header.baseOffset < $1.header.baseOffset }
            if found.isEmpty { continue }
            guard need.isMet(by: found) else {
                throw EventLogError(.corrupt, log: need.log, "the batches given for its repair are of another chain")
            }
            for batch in found { given[need.log, default: [:]][batch.header.baseOffset] = batch }
        }
        guard !given.isEmpty || plan.hasKnown else { return plan.isSound }
        return try withoutTrims { () throws(EventLogError) -> Bool in
            try reading { () throws(FileError) -> Bool in try replace(generation, given) }
        }
    }

    // MARK: Reading

    /// One at a time, and no segment goes meanwhile.
    private func withoutTrims<Value: Sendable>(
        _ body: () throws(EventLogError) -> Value
    ) throws(EventLogError) -> Value {
        try trimming.withLock { (_: inout Trimming) throws(EventLogError) -> Value in try body() }
    }

    private func reading<Value>(_ body: () throws(FileError) -> Value) throws(EventLogError) -> Value {
        do throws(FileError) {
            return try body()
        } catch {
            switch error.code {
            case .notFound: throw EventLogError(.outOfRange, "no sealed segment of that number", cause: error)
            case .noSpace: throw EventLogError(.noSpace, "no room for a repaired copy", cause: error)
            default: throw EventLogError(.io, "the segment cannot be repaired", cause: error)
            }
        }
    }

    private func survey(_ generation: UInt64) throws(FileError) -> DamagedSegment {
        try survey(generation, at: directory.segmentPath(generation), end: try end(of: generation))
    }

    private func survey(_ generation: UInt64, at path: String, end: UInt64) throws(FileError) -> DamagedSegment {
        let file = try directory.files.open(path, .read)
        defer { file.close() }
        return try DamagedSegment(
            try SegmentReader(file: file, journal: journal, generation: generation), end: end)
    }

    private func end(of generation: UInt64) throws(FileError) -> UInt64 {
        guard try sealedGenerations().contains(generation),
            let end = try SegmentStamps.end(of: generation, in: directory, journal: journal)
        else {
            throw FileError(.notFound, operation: "survey", path: directory.segmentPath(generation))
        }
        return end
    }

    /// Nil where a digest at one of its ends is not known here.
    private func need(
        of run: DamagedSegment.Run, _ survey: DamagedSegment, _ generation: UInt64
    ) throws(EventLogError) -> RepairNeed? {
        guard let from = run.missing.first?.entry.base, let last = run.missing.last?.entry.base,
            let before = digest(before: from, of: run.log, survey)
        else { return nil }
        let links = survey.links[run.log] ?? []
        if let next = links.filter({ $0.base > last }).min(by: { $0.base < $1.base }) {
            return RepairNeed(log: run.log, from: from, to: next.base, before: before, after: next.previous)
        }
        guard let entry = state.withLock({ $0.table[run.log] }) else { return nil }
        guard let next = entry.first(after: generation) else {
            return RepairNeed(log: run.log, from: from, to: entry.end, before: before, after: entry.digest)
        }
        let after = try reading { () throws(FileError) -> Digest128? in
            try chainDigest(before: next.base, of: run.log, at: next.place)
        }
        return after.map { RepairNeed(log: run.log, from: from, to: next.base, before: before, after: $0) }
    }

    private func digest(before offset: Offset, of log: LogIdentity, _ survey: DamagedSegment) -> Digest128? {
        if let link = survey.links[log]?.first(where: { $0.end == offset }) { return link.digest }
        if let known = chainDigest(of: log, at: offset) { return known }
        guard offset > .zero else { return .zero }
        // What cannot be read cannot vouch.
        let batch = try? read(log, from: Offset(offset.rawValue - 1), maxBytes: 1).first
        return batch.flatMap { $0.endOffset == offset ? $0.chainDigest : nil }
    }

    // MARK: Writing

    private static var chunk: Int { 1 << 20 }

    private func replace(
        _ generation: UInt64, _ given: [LogIdentity: [Offset: EncodedBatch]]
    ) throws(FileError) -> Bool {
        let (path, end) = (directory.segmentPath(generation), try end(of: generation))
        let damage = try survey(generation, at: path, end: end)
        let temporary = path + ".repaired"
        try write(damage, given, from: path, to: temporary)
        let repaired = try survey(generation, at: temporary, end: end)
        // Never worse: whatever stood still stands, and what was put in verifies.
        guard repaired.missing.count + repaired.lost.count <= damage.missing.count + damage.lost.count,
            repaired.known.isEmpty
        else {
            try directory.files.remove(temporary)
            throw FileError(.io, operation: "verify", path: temporary)
        }
        try directory.files.rename(temporary, to: path)
        try directory.files.syncDirectory(directory.path)
        return repaired.isSound
    }

    private func write(
        _ damage: DamagedSegment, _ given: [LogIdentity: [Offset: EncodedBatch]], from path: String,
        to temporary: String
    ) throws(FileError) {
        let source = try directory.files.open(path, .read)
        defer { source.close() }
        let copy = try directory.files.open(temporary, .createOrReplace)
        defer { copy.close() }
        let length = try source.length()
        var position: UInt64 = 0
        while position < length {
            let bytes = try source.read(at: position, count: Int(min(UInt64(Self.chunk), length - position)))
            guard !bytes.isEmpty else { break }
            try copy.write(bytes, at: position)
            position += UInt64(bytes.count)
        }
        for patch in damage.known { try copy.write(patch.bytes, at: patch.position) }
        for item in damage.missing {
            guard let batch = given[item.entry.log]?[item.entry.base], batch.length == Int(item.entry.length)
            else {
                continue
            }
            try copy.write([batch.content], at: item.position)
        }
        try copy.synchronizeData()
    }
}
