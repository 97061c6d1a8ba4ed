// Why a node does not start or stops by itself.

import ClusterModel
import EventLog
import Personalization

/// Each says what was found and what to do next.
package struct NodeError: Error, CustomStringConvertible, Sendable {
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        /// The journal holds bytes that do not verify (S7).
        package static let corruptJournal = Code("corrupt journal")
        /// A record of the log cannot be folded: a newer version's, or damage that checksums let through (S3).
        package static let unreadableRecord = Code("a record cannot be applied")
        package static let noSpace = Code("no space for the log")
        /// It is somebody else's, cannot be written, or is not there.
        package static let directoryRefused = Code("the data directory is refused")
        package static let logUnavailable = Code("the log cannot be opened")
        package static let badKey = Code("a token key cannot be used")
        package static let cannotListen = Code("cannot listen")
        /// A clock that the kernel does not discipline, with no peer to compare it with and no disk to go on from (S2).
        package static let clockUntrusted = Code("the clock cannot be trusted")
        /// Another living process speaks for the region (S1).
        package static let regionClaimed = Code("another process is this region")
        /// Another region holds this region's line under a higher number than this process writes (S1a).
        package static let lineOutrun = Code("a later start of this region is known")
        /// A certificate, key or revocation list cannot be used, or is not this node's.
        package static let badCertificate = Code("a certificate cannot be used")
        /// A limit of the system leaves no room for a node.
        package static let machineTooSmall = Code("the machine grants too little")
        /// The disk did not answer within the limit of a stop. What was acknowledged is on it.
        package static let stopUnfinished = Code("the log was not closed")
        package static let internalInconsistency = Code("internal inconsistency")
    }

    package var code: Code
    package var message: String
    package var nextStep: String

    package init(_ code: Code, _ message: String, nextStep: String) {
        self.code = code
        self.message = message
        self.nextStep = nextStep
    }

    package var description: String { "\(code): \(message)\n  next: \(nextStep)" }
}

extension NodeError {
    init(_ refusal: DirectoryRefusal) {
        self.init(
            refusal.code == .full ? .noSpace : .directoryRefused,
            refusal.code == .full ? refusal.message : "\(refusal)", nextStep: refusal.nextStep)
    }

    /// The first records of a start could not be written.
    init(beginning error: ShardError, in directory: String) {
        switch error {
        case .logFenced(let why):
            self.init(
                .logUnavailable, "the first records of the start cannot be written: \(why)",
                nextStep:
                    "mount \(directory) for writing, and make this process's user own it; see Runbooks/log-fenced.md")
        case .noSpace:
            self.init(
                .noSpace, "the first records of the start find no space in \(directory)",
                nextStep: "free space; see Runbooks/disk-full.md")
        default:
            self.init(
                .logUnavailable, "the first records of the start are refused: \(error)",
                nextStep: "start again; where it happens again, look at the disk of \(directory)")
        }
    }

    static func unreadable(_ log: LogIdentity, _ error: any Error) -> NodeError {
        NodeError(
            .unreadableRecord, "log \(log): \(error)",
            nextStep: "start the newer version that wrote it, or follow Runbooks/log-corruption.md")
    }

    /// S1a: only a later incarnation may go on with the line.
    static func outrun(by higher: Incarnation) -> NodeError {
        NodeError(
            .lineOutrun,
            "another region holds records of this region by a later start, "
                + "\(String(higher.rawValue, radix: 16)): its clock was ahead, or two processes were this region at once",
            nextStep: "start this node again, which begins above that start; see Runbooks/region-claimed.md")
    }

    static func corrupt(_ ranges: [CorruptRange], directory: String) -> NodeError {
        let first = ranges.prefix(3).map { range in
            range.bytes.isEmpty
                ? "\(range.path): \(range.reason)"
                : "\(range.path) bytes \(range.bytes.lowerBound)..<\(range.bytes.upperBound)"
        }
        return NodeError(
            .corruptJournal, "\(ranges.count) ranges of \(directory) do not verify: \(first.joined(separator: ", "))",
            nextStep: "meridian log repair --config FILE puts the original bytes back from another region; see "
                + "Runbooks/log-corruption.md; --accept-corruption starts with what precedes the damage in each log")
    }
}
