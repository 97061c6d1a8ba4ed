// Answering a question for content from the state as it stands.

import ClusterModel
import MergeableState

extension ShardCore {
    private static let policy = SlatePolicy()

    /// Ranks, and says what the answer stands on. Where the caller demands its session, throws `.sessionNotSatisfied` while
    /// this replica lacks an event of it, and `.sessionTooOld` where nobody can say so any more; a lost tail never holds an
    /// answer up (S12).
    package mutating func slate(
        _ query: SlateQuery, catalogue: CatalogueSnapshot, popularity: PopularitySnapshot
    ) throws(ShardError) -> Slate {
        let session = query.session.map { state.lines.outcome(of: $0) }
        if query.requireSession, let session {
            guard session.tooOld.isEmpty else { throw .sessionTooOld }
            guard session.isSatisfied else { throw .sessionNotSatisfied(applied: state.vector) }
        }
        let user = state.user(query.user)
        let ranked = withScratch { scratch in
            Self.policy.slate(
                for: query, user: user, catalogue: catalogue, popularity: popularity, scratch: &scratch)
        }
        return Slate(
            id: makeSlateID(at: query.now), items: ranked.items, tier: ranked.tier,
            modelVersion: ranked.modelVersion, applied: state.vector,
            originTime: state.lines.time(over: settings.members) ?? WallTime(milliseconds: 0),
            session: session)
    }
}

extension Slate {
    /// What the log keeps of this slate.
    func record(for query: SlateQuery) -> ServedEvent {
        ServedEvent(
            user: query.user, slate: id, requestSeed: query.seed, modelVersion: modelVersion,
            items: items.map { ServedEvent.Item(contentID: $0.contentID, propensity: $0.propensity) })
    }
}
