// Users over several regions: each has a home, whose client knows the other regions as fallbacks.

import ClusterModel
package import Datasets
import MeridianClient
package import NodeEnvironment
import Synchronization

/// One connection a home region. Homes are spread evenly by a hash of the user id, so a user keeps one.
package final class HomedService: ContentService {
    private let connections: [any ContentService]
    private let clock: any NodeClock
    private let outages = Mutex(OutageLedger())

    /// `connections`: by home region, at least one.
    package init(_ connections: [any ContentService], clock: any NodeClock) {
        self.connections = connections
        self.clock = clock
    }

    /// The region that the user's calls go to while it serves.
    package func home(of user: String) -> Int {
        Int(UserKey(userID: user).digest.low % UInt64(connections.count))
    }

    // MARK: Outages

    package func onKill(of region: Int) {
        outages.withLock { $0.onKill(of: region, at: clock.bootTime()) }
    }

    package func onReturn(of region: Int) -> Outage? {
        outages.withLock { $0.onReturn(of: region, at: clock.bootTime()) }
    }

    // MARK: Calls

    package func publish(_ items: [CatalogueItem]) async throws(OperatorFailure) {
        // One writer of the catalogue: the first region's users' client, which turns to another while that is down.
        try await connections[0].publish(items)
    }

    package func setProfile(_ profile: RecordedProfile, of user: String) async throws(OperatorFailure) {
        let (home, asked) = (home(of: user), clock.bootTime())
        try await connections[home].setProfile(profile, of: user)
        note(home, asked)
    }

    package func nextContent(
        for user: String, count: Int, requestID: UInt64
    ) async throws(OperatorFailure) -> ServedSlate {
        let (home, asked) = (home(of: user), clock.bootTime())
        let slate = try await connections[home].nextContent(for: user, count: count, requestID: requestID)
        note(home, asked)
        return slate
    }

    package func report(
        _ interactions: [InteractionToReport], of user: String, durability: Acknowledgement.Promise
    ) async throws(OperatorFailure) -> ReportReceipt {
        let (home, asked) = (home(of: user), clock.bootTime())
        let receipt = try await connections[home].report(interactions, of: user, durability: durability)
        note(home, asked)
        return receipt
    }

    private func note(_ home: Int, _ asked: BootInstant) {
        let answered = clock.bootTime()
        outages.withLock { $0.onAnswer(home: home, asked: asked, answered: answered) }
    }
}
