// Sessions against lines (S12).

import ClusterModel
package import MergeableState

/// What became of a position that a session names.
package enum SessionVerdict: Hashable, Sendable {
    case met
    /// Not applied here yet.
    case pending
    /// Beyond the agreed end of its incarnation: that record died unflushed, LOST_TAIL.
    case lost
    /// Of an incarnation that was settled so long ago that nobody knows its end any more: TOKEN_TOO_OLD.
    case tooOld
}

/// What became of all positions that a session names. Those that are in neither list are met, and contained in what the
/// answer stands on.
package struct SessionOutcome: Hashable, Sendable {
    package var pending: [VersionVector.Entry]
    /// No record can ever satisfy them: they are dropped, and exactly they.
    package var lost: [VersionVector.Entry]
    /// Nobody can say any more whether they are met: never satisfied, never waited for, and dropped.
    package var tooOld: [VersionVector.Entry]

    package init(
        pending: [VersionVector.Entry] = [], lost: [VersionVector.Entry] = [], tooOld: [VersionVector.Entry] = []
    ) {
        self.pending = pending
        self.lost = lost
        self.tooOld = tooOld
    }

    /// A lost tail never holds an answer up.
    package var isSatisfied: Bool { pending.isEmpty && tooOld.isEmpty }
}

extension OriginLines {
    /// Whether an entry of a session token is met here (S12). Only its own line can ever satisfy it. A state that must be
    /// bootstrapped answers none (S1a).
    package func verdict(on entry: VersionVector.Entry) -> SessionVerdict {
        let line = line(of: entry.region)
        guard !isBelowChain else { return .pending }
        if let end = line.agreedEnd(of: entry.incarnation) {
            if entry.next > end { return .lost }
        } else if line.isSettled(entry.incarnation) {
            return .tooOld
        }
        return line.next(in: entry.incarnation) >= entry.next ? .met : .pending
    }

    /// Complexity: O(entries x incarnations of their origins).
    package func outcome(of session: VersionVector) -> SessionOutcome {
        var outcome = SessionOutcome()
        for entry in session.entries {
            switch verdict(on: entry) {
            case .met: break
            case .pending: outcome.pending.append(entry)
            case .lost: outcome.lost.append(entry)
            case .tooOld: outcome.tooOld.append(entry)
            }
        }
        return outcome
    }
}
