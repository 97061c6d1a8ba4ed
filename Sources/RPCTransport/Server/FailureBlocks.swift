// Header blocks of failures that come again: under overload one connection gives the same few by the thousand.

import GRPCFraming
import HTTP2Engine

/// The latest failures of a connection and their blocks. A value; a few kilobytes where failures have details.
struct FailureBlocks {
    /// Three classes of calls that are told four different delays, and a few other failures.
    private static let kept = 16

    private var entries: [(status: RPCStatus, block: HTTP2HeaderBlock)] = []
    private var next = 0

    /// A whole answer without a message. Statuses that share their storage are compared without reading it.
    mutating func block(_ status: RPCStatus) -> HTTP2HeaderBlock {
        for entry in entries where entry.status == status { return entry.block }
        let block = AnswerBlocks.failure(status)
        if entries.count < Self.kept {
            entries.append((status, block))
        } else {
            entries[next] = (status, block)
            next = (next + 1) % Self.kept
        }
        return block
    }
}
