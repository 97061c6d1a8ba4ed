// What a region was made for and is told, as far as other regions have to agree with it (S2, S3).

/// The terms of one region: its own identity, whom it knows, and the constants that the proofs need to be equal
/// everywhere. Sent in every handshake, by both sides of a link. A value of bounded size.
package struct RegionTerms: Hashable, Sendable {
    /// A region as a topology names it.
    package struct Member: Hashable, Sendable, CustomStringConvertible {
        package var number: RegionNumber
        package var name: String

        package init(number: RegionNumber, name: String) {
            self.number = number
            self.name = name
        }

        package var description: String { "\(name) (\(number.rawValue))" }
    }

    /// Members beyond this many are not sent: configuration allows half of it.
    package static let maxMembers = 64
    package static let maxNameBytes = 63

    /// The region whose terms these are.
    package var region: Member
    /// The other regions that it lists, ascending by number.
    package var others: [Member]
    /// `SessionToken.deploymentHash` of the deployment's id.
    package var deployment: UInt64
    package var partitions: PartitionCount
    /// Of `apply` (S3).
    package var applyVersion: UInt32
    /// The oldest version of `apply` beside which this one works.
    package var oldestApplyVersion: UInt32
    /// D, F and R in milliseconds; M and L are each region's own affair.
    package var maxDriftMilliseconds: UInt32
    package var maxFutureMilliseconds: UInt32
    package var maxAgeMilliseconds: UInt32
    /// The keys that verify tokens here; the last one is to sign. At most `TokenKeyring.maxKeys`.
    package var tokenKeys: [TokenKeyFingerprint]

    package init(
        region: Member, others: [Member], deploymentID: String, partitions: PartitionCount, applyVersion: UInt32,
        oldestApplyVersion: UInt32, bounds: TimeBounds, tokenKeys: [TokenKeyFingerprint]
    ) {
        self.region = region
        self.others = others.sorted { ($0.number, $0.name) < ($1.number, $1.name) }
        deployment = SessionToken.deploymentHash(of: deploymentID)
        self.partitions = partitions
        self.applyVersion = applyVersion
        self.oldestApplyVersion = oldestApplyVersion
        maxDriftMilliseconds = bounds.maxDrift.termsMilliseconds
        maxFutureMilliseconds = bounds.maxFuture.termsMilliseconds
        maxAgeMilliseconds = bounds.maxAge.termsMilliseconds
        self.tokenKeys = tokenKeys
    }

    /// Equal for regions whose deployment, partitions, D, F and R are equal. Complexity: one SHA-256.
    package var fingerprint: TermsFingerprint {
        var writer = ByteWriter(reservingCapacity: 32)
        writer.write(deployment)
        writer.write(UInt32(clamping: partitions.rawValue))
        writer.write(maxDriftMilliseconds)
        writer.write(maxFutureMilliseconds)
        writer.write(maxAgeMilliseconds)
        return TermsFingerprint(rawValue: SHA256.hash(writer.bytes).words.0)
    }
}

/// 64 bits that stand for what regions must have in common: in every message of the mesh, where whole terms would be long.
package struct TermsFingerprint: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Sixteen hexadecimal digits.
    package var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension Duration {
    /// Whole milliseconds of a bound, which configuration keeps below a day.
    fileprivate var termsMilliseconds: UInt32 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, seconds < Int64(UInt32.max) / 1_000 else { return .max }
        return UInt32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
    }
}
