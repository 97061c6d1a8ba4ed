// What can go wrong between a follower and a holder.

package import EventLog

/// A refused message or a broken rule of mirroring. The link that meets it starts over; nothing is skipped.
package struct MirrorError: Error, Hashable, CustomStringConvertible {
    /// What the failure means for the link. New codes may appear.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        /// Bytes that are not a message of this version.
        package static let malformedFrame = Code("malformed frame")
        package static let unknownVersion = Code("unknown version")
        /// A peer of another deployment or of another `apply` version (S3).
        package static let otherDeployment = Code("other deployment")
        /// A batch that does not verify: the connection is to be dropped.
        package static let corruptBatch = Code("corrupt batch")
        /// A batch of a log that was not asked for, or a batch that does not go on where the last one ended.
        package static let outOfSequence = Code("batch out of sequence")
        /// A batch of a lower epoch than the log has seen (S1).
        package static let epochWentDown = Code("epoch went down")
    }

    package var code: Code
    /// For people.
    package var message: String
    package var cause: BatchError?

    package init(_ code: Code, _ message: String, cause: BatchError? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { "\(code): \(message)" + (cause.map { ": \($0)" } ?? "") }
}
