// What is asked of a member at once when an origin collects seals (S1a).
//
// On the wire: the round, first partition u32, count u32.

package import ClusterModel

/// A round, and the partitions whose lengths the answer shall hold. The promise that a seal is stands for all of them from the
/// first question of a round on; the answers come in parts, since each fits one frame however many starts are not settled.
package struct SealQuestion: Hashable, Sendable {
    package let round: SealRound
    package let first: PartitionID
    package let count: UInt32

    /// Partitions of one question: the lengths of as many starts as a region may have unsettled are half of a frame, and so are
    /// the ends that come out of them.
    package static let maxPartitions: UInt32 = 16

    package init(_ round: SealRound, first: PartitionID = PartitionID(0), count: UInt32 = .max) {
        self.round = round
        self.first = first
        self.count = count
    }

    /// The questions of a round, together about all of `partitions`. Complexity: O(partitions / `maxPartitions`).
    package static func all(of round: SealRound, partitions: UInt32) -> [SealQuestion] {
        stride(from: 0, to: UInt64(partitions), by: Int(maxPartitions)).map {
            SealQuestion(round, first: PartitionID(UInt32(clamping: $0)), count: maxPartitions)
        }
    }

    package func concerns(_ name: LogName) -> Bool {
        name.partition >= first && name.partition.rawValue &- first.rawValue < count
    }

    package func encode(into writer: inout ByteWriter) {
        round.encode(into: &writer)
        writer.write(first.rawValue)
        writer.write(count)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        round = try SealRound(from: &reader)
        first = PartitionID(try reader.read())
        count = try reader.read()
    }
}
