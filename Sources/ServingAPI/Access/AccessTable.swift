// What each method asks of its caller: the one table.

/// Every method that a node serves on any port, and its need. What is not in it is refused.
package enum AccessTable {
    package struct Row: Hashable, Sendable {
        package let path: String
        package let need: AccessNeed

        /// Whether each call is made as one group of consumers on one topic.
        package var isOfOneGroup: Bool {
            ["Subscribe", "Commit", "Forget"].contains { path == "/meridian.v1.StreamService/\($0)" }
        }
    }

    /// In the order of the services.
    package static let rows: [Row] = [
        row("meridian.v1.DeliveryService/NextContent", .app),
        row("meridian.v1.DeliveryService/Explain", .app),
        row("meridian.v1.InteractionService/Report", .app),
        row("meridian.v1.BeaconService/Send", .app),
        row("meridian.v1.ProfileService/Update", .app),
        row("meridian.v1.ProfileService/Get", .app),
        row("meridian.v1.ProfileService/Erase", .app),
        row("meridian.v1.ProfileService/SetConsent", .app),
        row("meridian.v1.CatalogService/Publish", .publisher),
        row("meridian.v1.CatalogService/Withdraw", .publisher),
        row("meridian.v1.CatalogService/Get", .app, .publisher, .analyst),
        row("meridian.v1.CatalogService/List", .app, .publisher, .analyst),
        row("meridian.v1.InsightService/Popular", .app, .publisher, .analyst),
        row("meridian.v1.InsightService/ContentStats", .publisher, .analyst),
        row("meridian.v1.StreamService/Subscribe", .consumer),
        row("meridian.v1.StreamService/Commit", .consumer),
        row("meridian.v1.StreamService/Groups", .consumer, .operator, .auditor),
        row("meridian.v1.StreamService/Forget", .consumer, .operator),
        row("meridian.v1.OperatorService/Status", .operator, .auditor),
        row("meridian.v1.OperatorService/Digest", .operator, .auditor),
        row("meridian.v1.OperatorService/LogStats", .operator, .auditor),
        row("meridian.v1.OperatorService/Drain", .operator),
        row("meridian.v1.OperatorService/Resume", .operator),
        row("meridian.v1.OperatorService/Evacuate", .operator),
        Row(path: "/grpc.health.v1.Health/Check", need: .nothing),
        Row(path: "/grpc.health.v1.Health/Watch", need: .nothing),
        Row(path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", need: .anyRole),
        Row(path: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", need: .anyRole),
        Row(path: "/meridian.mesh.v1.Mirror/Pull", need: .peerNode),
        Row(path: "/meridian.mesh.v1.Mirror/Report", need: .peerNode),
        Row(path: "/meridian.mesh.v1.Mirror/Claim", need: .peerNode),
        Row(path: "/meridian.mesh.v1.Mirror/Greet", need: .peerNode),
        Row(path: "/meridian.mesh.v1.Snapshots/List", need: .peerNode),
        Row(path: "/meridian.mesh.v1.Snapshots/Read", need: .peerNode),
        Row(path: "/meridian.mesh.v1.Actors/Invoke", need: .peerNode),
    ]

    private static let needs = Dictionary(rows.map { ($0.path, $0.need) }, uniquingKeysWith: { first, _ in first })

    /// Nil for a method that nobody may call.
    package static func need(of path: String) -> AccessNeed? { needs[path] }

    /// The methods that people mean by `text`: a path, or its last parts, as `Publish` or `CatalogService/Publish`. Nodes
    /// call methods of the mesh: one is meant only where no other has the name.
    package static func rows(named text: String) -> [Row] {
        let tail = text.hasPrefix("/") ? text : "/\(text)"
        let named = rows.filter { $0.path == tail || $0.path.hasSuffix(tail) || $0.path.hasSuffix(".\(text)") }
        let ofPeople = named.filter { $0.need != .peerNode }
        return ofPeople.isEmpty ? named : ofPeople
    }

    private static func row(_ path: String, _ roles: AccessRole...) -> Row {
        Row(path: "/\(path)", need: .roles(roles))
    }
}
