// Whether what was promised stands: acknowledged ids against the log of the stopped node.

package import ClusterModel

/// Acknowledged events against a fold of the log (S5, S6).
package struct AcknowledgementCheck: Hashable, Sendable {
    package var acknowledged: Int
    /// Acknowledged and in no log.
    package var lost: [EventID]
    /// Acknowledged and in the logs more than once.
    package var duplicated: [EventID]

    /// Ids that a message names.
    private static let shown = 3

    /// An id that was acknowledged twice (a retry whose first answer was lost) counts once.
    package init(_ acknowledged: [EventID], in fold: JournalFold) {
        let ids = Set(acknowledged)
        self.acknowledged = ids.count
        lost = ids.filter { fold.occurrences[$0] == nil }.sorted()
        duplicated = ids.filter { (fold.occurrences[$0] ?? 0) > 1 }.sorted()
    }

    package var holds: Bool { lost.isEmpty && duplicated.isEmpty }

    package var text: String {
        guard !holds else { return "all \(acknowledged) acknowledged events stand in the log, each once" }
        return "\(lost.count) of \(acknowledged) acknowledged events LOST\(Self.some(lost)), "
            + "\(duplicated.count) DUPLICATED\(Self.some(duplicated))"
    }

    private static func some(_ ids: [EventID]) -> String {
        ids.isEmpty ? "" : " (" + ids.prefix(shown).map(\.description).joined(separator: ", ") + ")"
    }
}
