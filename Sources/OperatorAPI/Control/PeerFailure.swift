// Why the shards of another region could not be asked.

package import ClusterModel

/// Names the region, so that an answer about several regions says which of them is missing.
package struct PeerFailure: Error, Hashable, CustomStringConvertible {
    package enum Cause: String, Hashable, Sendable {
        /// No such region in this deployment's configuration.
        case unknownRegion = "not a region of this deployment"
        case unreachable = "unreachable"
        case timedOut = "timed out"
        /// It was made for another deployment, other partitions or other bounds (S3): nothing of it compares.
        case otherTerms = "was not compared: its terms are not this region's"
        /// It answered with something else than was asked for, or not at all.
        case badAnswer = "gave no usable answer"
    }

    package var region: RegionNumber
    package var name: String
    package var cause: Cause
    /// For people.
    package var detail: String

    package init(region: RegionNumber, name: String, cause: Cause, detail: String) {
        self.region = region
        self.name = name
        self.cause = cause
        self.detail = detail
    }

    package var description: String {
        let place = name.isEmpty ? "region \(region.rawValue)" : "region \(name)"
        return detail.isEmpty ? "\(place) \(cause.rawValue)" : "\(place) \(cause.rawValue): \(detail)"
    }
}
