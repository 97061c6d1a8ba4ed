// The chain digests at the logs' ends after a scan that went by offsets.

import ClusterModel
import EventLog
import NodeEnvironment

/// Remembers where the last batch of each log stands. A batch names the digest of the one before it, so that only the last
/// one's has to be computed: its bytes are read once more, at the end of the scan.
struct EndDigests {
    private struct Place {
        var generation: UInt64
        var position: UInt64
        var length: Int
    }

    private var places: [LogIdentity: Place] = [:]

    /// A batch that extended its log. Complexity: O(1).
    mutating func note(_ batch: EncodedBatch, generation: UInt64, position: UInt64) {
        places[batch.header.log] = Place(generation: generation, position: position, length: batch.length)
    }

    /// Completes `table`. Throws when a batch that stood a moment ago cannot be read any more.
    func settle(_ table: inout LogTable, _ directory: JournalDirectory) throws(FileError) {
        let byGeneration = Dictionary(grouping: places, by: \.value.generation)
        for (generation, ends) in byGeneration.sorted(by: { $0.key < $1.key }) {
            let path = directory.segmentPath(generation)
            let file = try directory.files.open(path, .read)
            defer { file.close() }
            for (log, place) in ends.sorted(by: { $0.value.position < $1.value.position }) {
                let bytes = try file.read(at: place.position, count: place.length)
                guard let batch = try? EncodedBatch(verifying: bytes), batch.header.log == log  // thrown as one error
                else { throw FileError(.io, operation: "second read", path: path) }
                table.settle(log, endDigest: batch.chainDigest)
            }
        }
    }
}
