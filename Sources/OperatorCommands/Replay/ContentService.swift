// What the commands ask of a node, in the words of the replay. NodeConnection does it over gRPC; tests do it in memory.

import ClusterModel
package import Datasets

/// One item of a slate, as the client needs it for its report.
package struct ServedItem: Hashable, Sendable {
    package var contentID: String
    /// Echoed when the user does something with this item.
    package var token: [UInt8]
    package var slot: UInt32

    package init(contentID: String, token: [UInt8], slot: UInt32) {
        self.contentID = contentID
        self.token = token
        self.slot = slot
    }
}

package struct ServedSlate: Hashable, Sendable {
    package var id: [UInt8]
    package var items: [ServedItem]
    /// "personal", "cohort", "popular" or "static".
    package var tier: String
    package var stalenessMilliseconds: UInt64

    package init(id: [UInt8], items: [ServedItem], tier: String, stalenessMilliseconds: UInt64) {
        self.id = id
        self.items = items
        self.tier = tier
        self.stalenessMilliseconds = stalenessMilliseconds
    }
}

/// One interaction with what the slate said of its item.
package struct InteractionToReport: Hashable, Sendable {
    package var interaction: RecordedInteraction
    /// Of the slate that showed the item; nil when the user came to it another way.
    package var shown: ServedItem?
    package var slateID: [UInt8]

    package init(interaction: RecordedInteraction, shown: ServedItem?, slateID: [UInt8]) {
        self.interaction = interaction
        self.shown = shown
        self.slateID = slateID
    }
}

/// What became of a report.
package struct ReportReceipt: Hashable, Sendable {
    /// Applied or known already.
    package var acknowledged: [Acknowledgement]
    /// Of those, known already.
    package var duplicates: Int
    /// "CODE" of each event that was refused.
    package var refusals: [String]
    /// Whether other regions were asked for and not reached in time, so that `local` had to do.
    package var isSettledForLocal = false

    package init(acknowledged: [Acknowledgement], duplicates: Int, refusals: [String]) {
        self.acknowledged = acknowledged
        self.duplicates = duplicates
        self.refusals = refusals
    }
}

/// A node (or a region) as the replay uses it. Safe to use from many tasks at once. Calls retry within their deadline,
/// with the same event ids.
package protocol ContentService: Sendable {
    func publish(_ items: [CatalogueItem]) async throws(OperatorFailure)
    func setProfile(_ profile: RecordedProfile, of user: String) async throws(OperatorFailure)
    func nextContent(for user: String, count: Int, requestID: UInt64) async throws(OperatorFailure) -> ServedSlate
    /// At `durability`; where other regions are not reached in time, at `local`, and the receipt says so.
    func report(
        _ interactions: [InteractionToReport], of user: String, durability: Acknowledgement.Promise
    ) async throws(OperatorFailure) -> ReportReceipt
}
