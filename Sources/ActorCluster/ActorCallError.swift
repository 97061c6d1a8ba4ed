// What can go wrong with a call to an actor: the transport's errors only. Outcomes that a method foresees are values.

import Distributed

/// Why a call had no value. Codes below 256 travel in reply frames; the others arise at the caller.
package struct ActorCallError: DistributedActorSystemError, Hashable, CustomStringConvertible {
    /// New codes may appear: handle the rest as a failed call whose outcome is not known.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let rawValue: UInt16

        package init(rawValue: UInt16) { self.rawValue = rawValue }

        // MARK: Told by the node that was called

        /// No such actor runs on that node (any more): ask the placement again.
        package static let unknownActor = Code(rawValue: 1)
        package static let unknownMethod = Code(rawValue: 2)
        /// A frame of a version that the node does not read.
        package static let unknownVersion = Code(rawValue: 3)
        package static let malformedFrame = Code(rawValue: 4)
        package static let malformedArguments = Code(rawValue: 5)
        /// The method threw: a defect, since foreseen outcomes are values.
        package static let methodThrew = Code(rawValue: 6)
        /// The node has too many calls under way.
        package static let overloaded = Code(rawValue: 7)
        package static let replyTooLarge = Code(rawValue: 8)
        /// The deadline passed before the method ran, or before its answer came.
        package static let deadlineExceeded = Code(rawValue: 9)
        /// The deployment, partitions, D, F or R of the two nodes' regions are not the same (S3).
        package static let otherTerms = Code(rawValue: 10)
        /// The actor does not take this from this caller.
        package static let refused = Code(rawValue: 11)
        /// The caller may not make this call, or not about this: it is somebody else's to make.
        package static let notPermitted = Code(rawValue: 12)

        // MARK: Found by the caller

        /// The placement knows no node that runs the actor.
        package static let noRoute = Code(rawValue: 256)
        /// The link failed; whether the method ran is not known.
        package static let linkFailed = Code(rawValue: 257)
        package static let tooManyCalls = Code(rawValue: 258)
        package static let requestTooLarge = Code(rawValue: 259)
        package static let malformedReply = Code(rawValue: 260)
        /// The method has no number in `ClusterActor.methods`.
        package static let unnumberedMethod = Code(rawValue: 261)
        /// Generic distributed methods do not travel.
        package static let genericMethod = Code(rawValue: 262)

        // MARK: Found at the start

        package static let duplicateIdentity = Code(rawValue: 512)
        package static let tooManyActors = Code(rawValue: 513)
        /// Methods or kinds that contradict each other.
        package static let badMethodTable = Code(rawValue: 514)
        /// The identity belongs to an actor of another type.
        package static let wrongType = Code(rawValue: 515)

        package var description: String { Self.names[rawValue] ?? "code \(rawValue)" }

        private static let names: [UInt16: String] = [
            1: "unknown actor", 2: "unknown method", 3: "unknown frame version", 4: "malformed frame",
            5: "malformed arguments", 6: "method threw", 7: "overloaded", 8: "reply too large",
            9: "deadline exceeded", 10: "other terms", 11: "refused", 12: "not permitted", 256: "no route",
            257: "link failed", 258: "too many calls",
            259: "request too large", 260: "malformed reply", 261: "unnumbered method", 262: "generic method",
            512: "duplicate identity", 513: "too many actors", 514: "bad method table", 515: "wrong type",
        ]
    }

    package var code: Code
    /// For people; holds no arguments and no user data.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(code): \(message)" }
}
