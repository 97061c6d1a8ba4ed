// The digests of a region's partitions, wherever they come from.

import ClusterModel
import MergeableState
package import MeridianProtocol
import Personalization

/// What `meridian digest` prints and the quick start compares.
package struct DigestReport: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var region: UInt32
        package var incarnation: UInt64
        package var next: UInt64
    }

    package struct Partition: Hashable, Sendable {
        package var partition: UInt32
        package var applyVersion: UInt32
        package var vector: [Entry]
        /// 32 hexadecimal digits.
        package var digest: String
        package var users: UInt64
    }

    /// The region that answered; nil for a log that was folded off line.
    package var region: UInt32?
    package var partitions: [Partition]

    package init(_ reply: Meridian_V1_DigestReply) {
        region = reply.region
        partitions = reply.partitions.map { partition in
            Partition(
                partition: partition.partition, applyVersion: partition.applyVersion,
                vector: partition.vector.map { Entry(region: $0.region, incarnation: $0.incarnation, next: $0.next) },
                digest: partition.digest, users: partition.users)
        }.sorted { $0.partition < $1.partition }
    }

    /// `only`: these partitions; empty for all.
    package init(_ fold: JournalFold, only: [UInt32] = []) {
        region = nil
        partitions = fold.states.keys.sorted().filter { only.isEmpty || only.contains($0.rawValue) }.compactMap { id in
            guard var state = fold.states[id] else { return nil }
            return Partition(
                partition: id.rawValue, applyVersion: StateLimits.applyVersion,
                vector: state.vector.entries.map {
                    Entry(
                        region: UInt32($0.region.rawValue), incarnation: $0.incarnation.rawValue, next: $0.next.rawValue
                    )
                }, digest: state.digest().description, users: UInt64(state.userCount))
        }
    }

    /// The partitions whose digests differ from `other`'s, or that only one of the two has. Partitions compare only at
    /// equal apply versions. Vectors may differ: the log's own records do not change the state.
    package func differences(from other: DigestReport) -> [UInt32] {
        let mine = Dictionary(uniqueKeysWithValues: partitions.map { ($0.partition, $0) })
        let theirs = Dictionary(uniqueKeysWithValues: other.partitions.map { ($0.partition, $0) })
        return Set(mine.keys).union(theirs.keys).sorted().filter { id in
            guard let a = mine[id], let b = theirs[id] else { return true }
            return a.applyVersion != b.applyVersion || a.digest != b.digest
        }
    }

    /// The keys of the command's JSON object.
    package var answer: JSONValue {
        .object([
            "regions": .array([
                .object([
                    "region": region.map { .count($0) } ?? .null,
                    "partitions": .array(partitions.map(Self.answer)),
                ])
            ])
        ])
    }

    private static func answer(_ partition: Partition) -> JSONValue {
        .object([
            "partition": .count(partition.partition), "apply_version": .count(partition.applyVersion),
            "vector": .array(
                partition.vector.map { entry in
                    .object([
                        "region": .count(entry.region), "incarnation": .string(String(entry.incarnation, radix: 16)),
                        "next": .count(entry.next),
                    ])
                }), "digest": .string(partition.digest), "users": .count(partition.users),
        ])
    }

    package var summary: String {
        partitions.map { "\($0.partition)\t\($0.digest)\t\($0.users) users" }.joined(separator: "\n")
    }
}
