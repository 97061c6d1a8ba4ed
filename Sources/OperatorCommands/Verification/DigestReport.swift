// The digests of a region's partitions, wherever they come from.

import ClusterModel
import EventLog
import MergeableState
package import MeridianProtocol
import Personalization
import SegmentLog

/// What `meridian digest` prints and the quick start compares.
package struct DigestReport: Hashable, Sendable {
    package struct Entry: Hashable, Comparable, Sendable {
        package var region: UInt32
        package var incarnation: UInt64
        package var next: UInt64

        package init(region: UInt32, incarnation: UInt64, next: UInt64) {
            self.region = region
            self.incarnation = incarnation
            self.next = next
        }

        package static func < (lhs: Self, rhs: Self) -> Bool {
            (lhs.region, lhs.incarnation, lhs.next) < (rhs.region, rhs.incarnation, rhs.next)
        }
    }

    package struct Partition: Hashable, Sendable {
        package var partition: UInt32
        package var applyVersion: UInt32
        package var vector: [Entry]
        /// 32 hexadecimal digits.
        package var digest: String
        package var users: UInt64

        package init(partition: UInt32, applyVersion: UInt32, vector: [Entry], digest: String, users: UInt64) {
            self.partition = partition
            self.applyVersion = applyVersion
            self.vector = vector
            self.digest = digest
            self.users = users
        }
    }

    /// The region that answered, or that a log is of; nil where nothing says it.
    package var region: UInt32?
    /// Empty where it is not known.
    package var name = ""
    package var partitions: [Partition]
    /// The catalogue, as a partition whose `users` are its items; nil where the source does not tell.
    package var content: Partition?
    /// Why the region gave no digests; empty where it did.
    package var failure = ""

    package init(region: UInt32?, name: String = "", partitions: [Partition], failure: String = "") {
        self.region = region
        self.name = name
        self.partitions = partitions.sorted { $0.partition < $1.partition }
        self.failure = failure
    }

    package init(_ reply: Meridian_V1_DigestReply) {
        self.init(region: reply.region, partitions: reply.partitions.map(Partition.init))
        if reply.hasContent { content = Partition(reply.content) }
    }

    package init(_ reply: Meridian_V1_RegionDigest) {
        self.init(
            region: reply.region, name: reply.regionName, partitions: reply.partitions.map(Partition.init),
            failure: reply.failure)
        if reply.hasContent { content = Partition(reply.content) }
    }

    /// `only`: these partitions; empty for all.
    package init(_ fold: JournalFold, only: [UInt32] = []) {
        region = fold.inspection.identity.map { UInt32($0.region.rawValue) }
        name = fold.inspection.identity?.regionName ?? ""
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
    package var answer: JSONValue { .object(["regions": .array([regionAnswer])]) }

    /// One element of `regions`.
    package var regionAnswer: JSONValue {
        .object([
            "region": region.map { .count($0) } ?? .null, "region_name": name.isEmpty ? .null : .string(name),
            "failure": failure.isEmpty ? .null : .string(failure),
            "partitions": .array(partitions.map(\.answer)), "content": content?.contentAnswer ?? .null,
        ])
    }

    package var summary: String {
        (partitions.map { "\($0.partition)\t\($0.digest)\t\($0.users) users" }
            + (content.map { ["content\t\($0.digest)\t\($0.users) items"] } ?? [])).joined(separator: "\n")
    }
}

extension DigestReport.Partition {
    package init(_ digest: Meridian_V1_PartitionDigest) {
        self.init(
            partition: digest.partition, applyVersion: digest.applyVersion,
            vector: digest.vector.map {
                DigestReport.Entry(region: $0.region, incarnation: $0.incarnation, next: $0.next)
            }, digest: digest.digest, users: digest.users)
    }

    package init(_ digest: Meridian_V1_ContentDigest) {
        self.init(
            partition: 0, applyVersion: digest.applyVersion,
            vector: digest.vector.map {
                DigestReport.Entry(region: $0.region, incarnation: $0.incarnation, next: $0.next)
            }, digest: digest.digest, users: digest.contents)
    }

    /// One element of `partitions`.
    package var answer: JSONValue {
        .object([
            "partition": .count(partition), "apply_version": .count(applyVersion), "vector": vectorAnswer,
            "digest": .string(digest), "users": .count(users),
        ])
    }

    /// The region's `content`.
    fileprivate var contentAnswer: JSONValue {
        .object([
            "apply_version": .count(applyVersion), "vector": vectorAnswer, "digest": .string(digest),
            "items": .count(users),
        ])
    }

    private var vectorAnswer: JSONValue {
        .array(
            vector.map { entry in
                .object([
                    "region": .count(entry.region), "incarnation": .string(String(entry.incarnation, radix: 16)),
                    "next": .count(entry.next),
                ])
            })
    }

    /// The vector as it compares: sorted, one entry an incarnation, none at 0. An ends record that is applied takes the
    /// entries below it out of the state's own vector and moves the entry of its writer, so equal vectors also stand on
    /// equal ends (S1a).
    package var normalVector: [DigestReport.Entry] {
        var highest: [DigestReport.Entry] = []
        for entry in vector.sorted() where entry.next > 0 {
            if let last = highest.last, (last.region, last.incarnation) == (entry.region, entry.incarnation) {
                highest.removeLast()
            }
            highest.append(entry)
        }
        return highest
    }
}
