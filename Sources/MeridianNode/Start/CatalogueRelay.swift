// Passes catalogue snapshots from the content shard to the router, which is made after it.

import Personalization
import Synchronization

/// Connected once; holds the router weakly, since the router holds the shard that holds this. Snapshots sent before are superseded by the one that the content shard sends when it begins.
final class CatalogueRelay: Sendable {
    private struct Target {
        weak var router: ShardRouter?
    }

    private let target = Mutex(Target())

    func connect(to router: ShardRouter) { target.withLock { $0.router = router } }

    func send(_ snapshot: CatalogueSnapshot) { target.withLock(\.router)?.replaceCatalogue(snapshot) }
}
