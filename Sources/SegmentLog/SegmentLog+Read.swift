// Reading back what is flushed.

package import ClusterModel
package import EventLog
import NodeEnvironment
import Synchronization

extension SegmentLog {
    /// As the contract says. Never returns batches with a gap between them: throws `.corrupt` where the first that was
    /// asked for is damaged, and ends before a later one that is. Complexity: O(index) and the journal bytes between the
    /// index entry and what is returned.
    package func read(
        _ log: LogIdentity, from offset: Offset, maxBytes: Int
    ) throws(EventLogError) -> [EncodedBatch] {
        let (end, start) = state.withLock { ($0.table[log]?.end ?? .zero, $0.table.place(of: offset, in: log)) }
        guard offset < end, let start else {
            throw EventLogError(.outOfRange, log: log, "offset \(offset.rawValue) is not below the end \(end.rawValue)")
        }
        let found: [EncodedBatch]
        do {
            found = try collect(log, offset, end, maxBytes, from: start)
        } catch {
            throw EventLogError(.io, log: log, "the journal cannot be read", cause: error)
        }
        guard let first = found.first, first.header.baseOffset <= offset else {
            throw EventLogError(
                .corrupt, log: log, "the batch that holds offset \(offset.rawValue) does not verify any more")
        }
        return found
    }

    private func collect(
        _ log: LogIdentity, _ offset: Offset, _ end: Offset, _ maxBytes: Int, from start: JournalPlace
    ) throws(FileError) -> [EncodedBatch] {
        var found: [EncodedBatch] = []
        var bytes = 0
        for generation in try directory.generations() where generation >= start.generation {
            let file = try directory.files.open(directory.segmentPath(generation), .read)
            defer { file.close() }
            let reader = try SegmentReader(file: file, journal: journal, generation: generation)
            var position = generation == start.generation ? start.position : 0
            while case .group(let group) = try reader.item(at: position) {
                for batch in group.batches where batch.header.log == log && batch.endOffset > offset {
                    let next = found.last?.endOffset ?? offset
                    // A copy of what is found already, written again after an unclean stop.
                    guard batch.endOffset > next else { continue }
                    // What stood in between is damaged.
                    guard batch.header.baseOffset <= next else { return found }
                    if batch.endOffset > end || (bytes > 0 && bytes + batch.bytes.count > maxBytes) { return found }
                    found.append(batch)
                    bytes += batch.bytes.count
                }
                if found.last?.endOffset == end { return found }
                position = group.end
            }
        }
        return found
    }
}
