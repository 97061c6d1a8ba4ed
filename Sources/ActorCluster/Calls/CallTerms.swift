// The terms of a region on its calls: `meridian-terms`, sixteen hexadecimal digits, on requests and in answers' trailers.

import ClusterModel
import GRPCFraming

/// Both sides compare (S3): an actor of a region with other partitions or bounds is another actor.
enum CallTerms {
    static let name = "meridian-terms"

    static func metadata(_ terms: TermsFingerprint?) -> CallMetadata {
        var metadata = CallMetadata()
        if let terms { metadata.append(name, terms.description) }
        return metadata
    }
}
