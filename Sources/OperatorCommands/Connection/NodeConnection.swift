// The replay's content service over gRPC.

import ClusterModel
package import Datasets
import FoundationEssentials
package import MeridianClient
package import MeridianProtocol

/// A node through the client. Retries, event ids and sessions are the client's.
package struct NodeConnection: ContentService {
    private let client: MeridianClient
    private let options: CallOptions
    private let remoteOptions: CallOptions

    /// `timeout`: how long a call may take with all its retries. `remoteTimeout`: how long a report waits for other
    /// regions before `local` has to do.
    package init(
        _ client: MeridianClient, timeout: Duration = .seconds(30), remoteTimeout: Duration = .milliseconds(500)
    ) {
        self.client = client
        options = CallOptions(timeout: timeout)
        remoteOptions = CallOptions(timeout: min(timeout, remoteTimeout))
    }

    package func publish(_ items: [CatalogueItem]) async throws(OperatorFailure) {
        do throws(MeridianClientError) {
            _ = try await client.publish(items.map(Meridian_V1_ContentItem.init), options: options)
        } catch {
            throw OperatorFailure(error, doing: "publishing")
        }
    }

    package func setProfile(_ profile: RecordedProfile, of user: String) async throws(OperatorFailure) {
        var fields = Meridian_V1_Profile()
        if !profile.language.isEmpty { fields.language = profile.language }
        if !profile.country.isEmpty { fields.country = profile.country }
        if !profile.device.isEmpty { fields.deviceModel = profile.device }
        do throws(MeridianClientError) {
            _ = try await client.setProfile(fields, of: user, options: options)
        } catch {
            throw OperatorFailure(error, doing: "writing a profile")
        }
    }

    package func nextContent(
        for user: String, count: Int, requestID: UInt64
    ) async throws(OperatorFailure) -> ServedSlate {
        do throws(MeridianClientError) {
            return ServedSlate(
                try await client.nextContent(for: user, count: count, requestID: requestID, options: options))
        } catch {
            throw OperatorFailure(error, doing: "asking for content")
        }
    }

    package func report(
        _ interactions: [InteractionToReport], of user: String, durability: Acknowledgement.Promise
    ) async throws(OperatorFailure) -> ReportReceipt {
        var events = interactions.map(Meridian_V1_Interaction.init)
        guard case .remote(let regions) = durability else { return try await reportLocally(events, of: user) }
        // Named here, because the second try is about the same events.
        for index in events.indices { events[index].id = client.makeEventID() }
        do throws(MeridianClientError) {
            return ReportReceipt(
                try await client.report(
                    events, of: user, durability: .remote, regions: regions, options: remoteOptions))
        } catch {
            guard error.isTransient else { throw OperatorFailure(error, doing: "reporting") }
            var receipt = try await reportLocally(events, of: user)
            receipt.isSettledForLocal = true
            return receipt
        }
    }

    private func reportLocally(
        _ events: [Meridian_V1_Interaction], of user: String
    ) async throws(OperatorFailure) -> ReportReceipt {
        do throws(MeridianClientError) {
            return ReportReceipt(try await client.report(events, of: user, options: options))
        } catch {
            throw OperatorFailure(error, doing: "reporting")
        }
    }
}

extension Meridian_V1_ContentItem {
    init(_ item: CatalogueItem) {
        self.init()
        contentID = item.id
        title = item.title
        language = item.language
        category = item.category
        publishedAtMs = item.publishedAt.milliseconds
    }
}

extension Meridian_V1_Interaction {
    init(_ report: InteractionToReport) {
        self.init()
        kind =
            switch report.interaction.action {
            case .click: .click
            case .like: .like
            case .share: .share
            case .bookmark: .bookmark
            case .comment: .comment
            case .follow: .follow
            }
        contentID = report.interaction.contentID
        occurredAtMs = report.interaction.occurredAt.milliseconds
        if let shown = report.shown {
            slot = shown.slot
            itemToken = Data(shown.token)
            slateID = Data(report.slateID)
        }
    }
}

extension ServedSlate {
    init(_ reply: Meridian_V1_NextContentReply) {
        self.init(
            id: Array(reply.slateID),
            items: reply.items.map {
                ServedItem(contentID: $0.contentID, token: Array($0.itemToken), slot: $0.slot)
            }, tier: reply.tier.word, stalenessMilliseconds: reply.stalenessMs)
    }
}

extension Meridian_V1_NextContentReply.Tier {
    /// The tier as answers and summaries write it.
    package var word: String {
        switch self {
        case .personal: "personal"
        case .cohort: "cohort"
        case .popular: "popular"
        case .static: "static"
        default: "unknown"
        }
    }
}

extension ReportReceipt {
    package init(_ reply: Meridian_V1_ReportReply) {
        self.init(acknowledged: [], duplicates: 0, refusals: [])
        for result in reply.results {
            guard let acknowledgement = Acknowledgement(result) else {
                refusals.append(result.code)
                continue
            }
            acknowledged.append(acknowledgement)
            if result.outcome == .duplicate { duplicates += 1 }
        }
    }
}

extension Acknowledgement {
    /// Nil for an event that was refused.
    init?(_ result: Meridian_V1_EventResult) {
        guard result.outcome == .applied || result.outcome == .duplicate else { return nil }
        let isRemote = result.durability.level == .remote && result.durability.regions > 0
        self.init(
            id: EventID(result.id), promise: isRemote ? .remote(Int(result.durability.regions)) : .local,
            place: result.hasPosition ? Place(result.position) : nil)
    }
}

extension Acknowledgement.Place {
    /// Nil for a number that no region or topic can have.
    fileprivate init?(_ position: Meridian_V1_Position) {
        guard let region = UInt16(exactly: position.region) else { return nil }
        self.init(
            region: RegionNumber(region), partition: PartitionID(position.partition),
            incarnation: Incarnation(position.incarnation), offset: Offset(position.offset))
    }
}
