// What can go wrong with a log.

package import ClusterModel
package import NodeEnvironment

/// A refused or failed log operation.
package struct EventLogError: Error, Hashable, CustomStringConvertible {
    /// What the failure means for the caller. New codes may appear.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        /// A write or sync failed: what was not flushed is lost, and the log takes no more appends (S7).
        package static let poisoned = Code("log poisoned")
        /// Another process or a newer epoch owns the log.
        package static let fenced = Code("log fenced")
        /// Too many bytes wait for the disk: try again.
        package static let backlogFull = Code("append backlog full")
        /// The disk is full; appends resume by themselves once there is space.
        package static let noSpace = Code("no space for the log")
        /// A batch that does not extend its log: wrong base offset or previous digest. Our bug or a peer's.
        package static let doesNotExtend = Code("batch does not extend its log")
        /// Bytes that do not verify.
        package static let corrupt = Code("corrupt log bytes")
        /// Below the base offset: `firstAvailable` says where the log begins now (S8).
        package static let trimmed = Code("offset trimmed")
        /// Beyond the flushed end.
        package static let outOfRange = Code("offset not held here")
        /// A format, codec or record kind of a newer version.
        package static let unsupported = Code("unsupported format")
        package static let closed = Code("log closed")
        package static let io = Code("log input/output error")
    }

    package var code: Code
    package var log: LogIdentity?
    /// What happened, for people: names the file and bytes where there are any.
    package var message: String
    package var cause: FileError?
    /// The base offset, with `.trimmed`.
    package var firstAvailable: Offset?

    package init(_ code: Code, log: LogIdentity? = nil, _ message: String, cause: FileError? = nil) {
        self.code = code
        self.log = log
        self.message = message
        self.cause = cause
    }

    /// What was asked for is gone behind snapshots; the log begins at `firstAvailable`.
    package init(trimmed log: LogIdentity, at offset: Offset, firstAvailable: Offset) {
        self.init(
            .trimmed, log: log, "offset \(offset.rawValue) is gone; the log begins at \(firstAvailable.rawValue)")
        self.firstAvailable = firstAvailable
    }

    package var description: String {
        let place = log.map { " (log \($0))" } ?? ""
        let reason = cause.map { ": \($0)" } ?? ""
        return "\(code): \(message)\(place)\(reason)"
    }
}
