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
        /// A peer whose deployment, partitions, D, F or R are others (S3).
        package static let otherDeployment = Code("other deployment")
        /// A greeting found terms that break a rule (S3).
        package static let termsDiffer = Code("terms differ")
        /// A batch that does not verify: the connection is to be dropped.
        package static let corruptBatch = Code("corrupt batch")
        /// A batch of a log that was not asked for, or a batch that does not go on where the last one ended.
        package static let outOfSequence = Code("batch out of sequence")
        /// Not a node of a configured region, or not the region that it says it is.
        package static let notAPeer = Code("not a peer region")
        /// Another live process claims the same region (S1).
        package static let regionClaimed = Code("another process claims this region")
        /// The promises of seals cannot be read or kept (S1a).
        package static let sealsUnreadable = Code("the seals cannot be read or written")
        /// A time or an incarnation that is ahead of every clock that is believed (TimeCeiling).
        package static let aheadOfClock = Code("ahead of every clock that is believed")
        /// Ends by a start of a third region that the region itself, which is heard, does not know.
        package static let unknownStart = Code("ends by an unknown start")
        /// What was heard of agreed ends cannot be read or kept (S1a).
        package static let lineageUnreadable = Code("the lineage cannot be read or written")
        /// Two chains of one incarnation (S1).
        package static let otherChain = Code("two chains of one incarnation")
        package static let tooManyIncarnations = Code("too many incarnations")
        /// The engine takes nothing more.
        package static let logEnded = Code("the log takes no more appends")
        /// A source of a snapshot that gives less than is worth waiting for: another one is asked.
        package static let tooSlow = Code("too slow")
        /// What was handed down for a line that is to be sealed does not reach the disk.
        package static let notFlushed = Code("not flushed in time")
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
