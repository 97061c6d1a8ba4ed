// What is published before a replay begins, and what while it runs.

package import ClusterModel
package import Datasets

/// The input's items by when they came out. A recorded log lies years back: its first visit becomes now, and what was
/// published before it keeps its age. An item that comes out later is published once the replay has reached its first
/// visit, which stands for its publication where the data has none; so no slate shows what was not there yet.
package struct ReplayCatalogue: Sendable {
    /// To publish before the first visit.
    package let present: [CatalogueItem]
    /// By id, to publish when first seen.
    package let later: [String: CatalogueItem]

    /// Complexity: O(items).
    package init(_ source: ReplaySource, now: WallTime) {
        // A copy is a position of its own: the replay still begins at its first visit.
        var copy = source
        let beginning = copy.nextStep().occurredAt
        var present: [CatalogueItem] = []
        var later: [String: CatalogueItem] = [:]
        for item in source.items {
            if item.publishedAt < beginning {
                var aged = item
                aged.publishedAt = now.advanced(
                    by: .milliseconds(
                        -Int64(clamping: beginning.milliseconds - item.publishedAt.milliseconds)))
                present.append(aged)
            } else {
                later[item.id] = item
            }
        }
        self.present = present
        self.later = later
    }
}
