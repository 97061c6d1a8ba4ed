// Repair of a segment: a copy with the original bytes in the place of the damaged ones is written beside it, verified as a
// whole, and takes its name. Nothing that is sound is ever written over, and a crash leaves the old file or the new one.
// Readers that have the old file open go on reading the old bytes; positions do not change, so that no index does either.

import ClusterModel
import EventLog
import NodeEnvironment

/// Works on segments that nothing is appended to. Blocks on the disk.
struct SegmentRepairer {
    let directory: JournalDirectory
    let journal: UInt64

    private static let suffix = ".repaired"
    private static let chunk = 1 << 20

    func survey(_ generation: UInt64, _ extent: SegmentExtent) throws(FileError) -> DamagedSegment {
        try survey(generation, at: directory.segmentPath(generation), extent)
    }

    private func survey(
        _ generation: UInt64, at path: String, _ extent: SegmentExtent
    ) throws(FileError) -> DamagedSegment {
        let file = try directory.files.open(path, .read)
        defer { file.close() }
        return try DamagedSegment(
            try SegmentReader(file: file, journal: journal, generation: generation), extent)
    }

    /// Puts `given` and what the disk knows by itself into their places. Whether all of the segment verifies now. Throws, and
    /// leaves it as it is, where the copy does not come out better.
    func replace(
        _ plan: RepairPlan, _ extent: SegmentExtent, _ given: [LogIdentity: [Offset: EncodedBatch]]
    ) throws(FileError) -> Bool {
        let generation = plan.generation
        let path = directory.segmentPath(generation)
        let damage = try survey(generation, extent)
        let temporary = path + Self.suffix
        try write(damage, given, plan, from: path, to: temporary)
        let repaired = try survey(generation, at: temporary, extent)
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

    /// What repairs left behind that a crash cut off.
    func removeLeftovers() throws(FileError) {
        for name in try directory.files.list(directory.path) where name.hasSuffix(Self.suffix) {
            try directory.files.remove("\(directory.path)/\(name)")
        }
    }

    private func write(
        _ damage: DamagedSegment, _ given: [LogIdentity: [Offset: EncodedBatch]], _ plan: RepairPlan,
        from path: String, to temporary: String
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
            else { continue }
            try copy.write([batch.content], at: item.position)
        }
        for planned in plan.stretches {
            guard let batches = planned.batches(in: given, besides: damage.missing),
                let bytes = planned.stretch.rebuild(batches, journal: journal, generation: plan.generation)
            else { continue }
            try copy.write(bytes, at: planned.stretch.bytes.lowerBound)
        }
        try copy.synchronizeData()
    }
}
