// The methods of the user services, by name. Their order is their index in `CallHandler.methods`.

/// Every rpc of meridian.v1 that users call, and gRPC's health check. Streams are `StreamService`'s Subscribe and
/// `HealthWatch`.
enum ServingMethod: Int, Hashable, Sendable, CaseIterable {
    case nextContent
    case report
    case sendBeacons
    case explain
    case updateProfile
    case getProfile
    case erase
    case setConsent
    case publish
    case withdraw
    case getContent
    case listContent
    case popular
    case contentStats
    case commitCursor
    case listGroups
    case forgetGroup
    case checkHealth

    var service: String {
        switch self {
        case .nextContent, .explain: "meridian.v1.DeliveryService"
        case .report: "meridian.v1.InteractionService"
        case .sendBeacons: "meridian.v1.BeaconService"
        case .updateProfile, .getProfile, .erase, .setConsent: "meridian.v1.ProfileService"
        case .publish, .withdraw, .getContent, .listContent: "meridian.v1.CatalogService"
        case .popular, .contentStats: "meridian.v1.InsightService"
        case .commitCursor, .listGroups, .forgetGroup: "meridian.v1.StreamService"
        case .checkHealth: "grpc.health.v1.Health"
        }
    }

    var name: String {
        switch self {
        case .nextContent: "NextContent"
        case .report: "Report"
        case .sendBeacons: "Send"
        case .explain: "Explain"
        case .updateProfile: "Update"
        case .getProfile, .getContent: "Get"
        case .erase: "Erase"
        case .setConsent: "SetConsent"
        case .publish: "Publish"
        case .withdraw: "Withdraw"
        case .listContent: "List"
        case .popular: "Popular"
        case .contentStats: "ContentStats"
        case .commitCursor: "Commit"
        case .listGroups: "Groups"
        case .forgetGroup: "Forget"
        case .checkHealth: "Check"
        }
    }

    var path: String { "/\(service)/\(name)" }
}
