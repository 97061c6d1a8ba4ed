// The replay's content service over gRPC.

import ClusterModel
package import Datasets
import FoundationEssentials
package import MeridianClient
import MeridianProtocol

/// A node through the client. Retries, event ids and sessions are the client's.
package struct NodeConnection: ContentService {
    private let client: MeridianClient
    private let options: CallOptions

    /// `timeout`: how long a call may take with all its retries.
    package init(_ client: MeridianClient, timeout: Duration = .seconds(30)) {
        self.client = client
        options = CallOptions(timeout: timeout)
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
        _ interactions: [InteractionToReport], of user: String
    ) async throws(OperatorFailure) -> ReportReceipt {
        do throws(MeridianClientError) {
            return ReportReceipt(
                try await client.report(
                    interactions.map(Meridian_V1_Interaction.init), of: user, options: options))
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
    init(_ reply: Meridian_V1_ReportReply) {
        self.init(acknowledged: [], duplicates: 0, refusals: [])
        for result in reply.results {
            switch result.outcome {
            case .applied: acknowledged.append(EventID(result.id))
            case .duplicate:
                acknowledged.append(EventID(result.id))
                duplicates += 1
            default: refusals.append(result.code)
            }
        }
    }
}
