// A6: who may do what, over a whole node: the role table, method by role, and every certificate on every port.

import GRPCFraming
import NodeEnvironment
import ServingAPI
import SimulatedEnvironment
import Testing

@Suite struct AccessTests {
    /// Who may call what, as it is promised: app, publisher, consumer, analyst, operator, auditor. Written out beside the
    /// table that the node goes by, so that a slip there is seen here.
    private static let promised: [(path: String, isStream: Bool, who: String)] = [
        ("/meridian.v1.DeliveryService/NextContent", false, "x....."),
        ("/meridian.v1.DeliveryService/Explain", false, "x....."),
        ("/meridian.v1.InteractionService/Report", false, "x....."),
        ("/meridian.v1.BeaconService/Send", false, "x....."),
        ("/meridian.v1.ProfileService/Update", false, "x....."),
        ("/meridian.v1.ProfileService/Get", false, "x....."),
        ("/meridian.v1.ProfileService/Erase", false, "x....."),
        ("/meridian.v1.ProfileService/SetConsent", false, "x....."),
        ("/meridian.v1.CatalogService/Publish", false, ".x...."),
        ("/meridian.v1.CatalogService/Withdraw", false, ".x...."),
        ("/meridian.v1.CatalogService/Get", false, "xx.x.."),
        ("/meridian.v1.CatalogService/List", false, "xx.x.."),
        ("/meridian.v1.InsightService/Popular", false, "xx.x.."),
        ("/meridian.v1.InsightService/ContentStats", false, ".x.x.."),
        ("/meridian.v1.StreamService/Subscribe", true, "..x..."),
        ("/meridian.v1.StreamService/Commit", false, "..x..."),
        ("/meridian.v1.StreamService/Groups", false, "..x.xx"),
        ("/meridian.v1.StreamService/Forget", false, "..x.x."),
        ("/meridian.v1.OperatorService/Status", false, "....xx"),
        ("/meridian.v1.OperatorService/Digest", false, "....xx"),
        ("/meridian.v1.OperatorService/LogStats", false, "....xx"),
        ("/meridian.v1.OperatorService/Evacuate", false, "....x."),
        ("/meridian.v1.OperatorService/Drain", false, "....x."),
        ("/meridian.v1.OperatorService/Resume", false, "....x."),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true, "xxxxxx"),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true, "xxxxxx"),
    ]
    private static let open = [("/grpc.health.v1.Health/Check", false), ("/grpc.health.v1.Health/Watch", true)]
    private static let mesh = [
        ("/meridian.mesh.v1.Mirror/Pull", false), ("/meridian.mesh.v1.Mirror/Report", false),
        ("/meridian.mesh.v1.Mirror/Greet", false), ("/meridian.mesh.v1.Mirror/Claim", true),
        ("/meridian.mesh.v1.Snapshots/List", false), ("/meridian.mesh.v1.Snapshots/Read", false),
        ("/meridian.mesh.v1.Actors/Invoke", false),
    ]

    @Test func everyRowOfTheTableIsPromisedHere() {
        let named = Self.promised.map(\.path) + (Self.open + Self.mesh).map(\.0)
        #expect(Set(named) == Set(AccessTable.rows.map(\.path)) && named.count == AccessTable.rows.count)
    }

    /// The whole role table over a running node, and two callers whom no rule names.
    @Test func theRoleTableHoldsMethodByRole() throws {
        let stage = AccessStage(seed: 1)
        try stage.start()
        try stage.simulation.drive {
            try await stage.untilServing()
            for (path, isStream, who) in Self.promised {
                for (role, mark) in zip(AccessRole.allCases, who) {
                    let status = try await stage.ask(path, AccessStage.client(role.rawValue), isStream: isStream)
                    #expect((status.code != .permissionDenied) == (mark == "x"), "\(role) \(path): \(status)")
                    guard mark != "x" else { continue }
                    #expect(status.message.contains("\(path) needs "), "\(status)")
                    #expect(status.message.contains("meridian://shop/client/\(role.rawValue) has \(role.rawValue)"))
                }
                for stranger in ["meridian://shop/client/stranger", "meridian://shop/aws/n1", "meridian://shop/gcp/n9"]
                {
                    let status = try await stage.ask(path, AccessStage.certificate(stranger), isStream: isStream)
                    #expect(status.code == .permissionDenied, "\(stranger) \(path): \(status)")
                }
            }
            for (path, isStream) in Self.open {
                let status = try await stage.ask(path, AccessStage.client("stranger"), isStream: isStream)
                #expect(status.code == .ok, "\(path): \(status)")
            }
            // What nodes ask each other is not served to clients at all.
            for (path, isStream) in Self.mesh {
                let status = try await stage.ask(path, AccessStage.client("operator"), isStream: isStream)
                #expect(status.code == .unimplemented, "\(path): \(status)")
            }
        }
    }

    // MARK: Certificates

    private static let strangers: [(name: String, security: LinkSecurity)] = [
        ("another deployment's client", AccessStage.certificate("meridian://other/client/operator")),
        ("another deployment's node", AccessStage.certificate("meridian://other/gcp/n1")),
        ("a deployment whose name begins like ours", AccessStage.certificate("meridian://shop2/client/operator")),
        ("no name at all", .mutualTLS(TLSIdentity(authorityPath: "sim-ca", certificatePath: "x", keyPath: "k"))),
        ("a foreign authority", AccessStage.certificate("meridian://shop/client/operator", authority: "other-ca")),
        ("no certificate", .serverTLS(SimulatedHandshake.identity(uri: "meridian://shop/client/operator"))),
        ("plaintext", .plaintext),
    ]

    @Test func theAPIListenerLetsInItsDeploymentOnly() throws {
        let stage = AccessStage(seed: 2)
        try stage.start()
        try stage.simulation.drive {
            try await stage.untilServing()
            for (name, security) in Self.strangers {
                let status = try await stage.ask("/grpc.health.v1.Health/Check", security)
                #expect(status.code == .unavailable && status.message.contains("handshake"), "\(name): \(status)")
            }
        }
    }

    @Test func theMeshListenerLetsInPeerRegionsNodesOnly() throws {
        let stage = AccessStage(seed: 3)
        try stage.start(hasPeer: true)
        try stage.simulation.drive {
            let pull = "/meridian.mesh.v1.Mirror/Pull"
            let peer = AccessStage.certificate("meridian://shop/gcp/n1")
            // Once it listens, a peer is told what is wrong with its empty message, and not that it may not speak.
            while try await stage.ask(pull, peer, at: AccessStage.mesh).code == .unavailable {
                try await stage.simulation.machine("caller").environment.clock.sleep(for: .milliseconds(20))
            }
            for (path, isStream) in Self.mesh {
                let status = try await stage.ask(path, peer, isStream: isStream, at: AccessStage.mesh)
                #expect(status.code != .permissionDenied && status.code != .unavailable, "\(path): \(status)")
                for uri in ["shop/client/operator", "shop/aws/n2", "shop/azure/n1", "shop/gcp", "shop/gcp/n1/x"] {
                    let security = AccessStage.certificate("meridian://\(uri)")
                    let status = try await stage.ask(path, security, isStream: isStream, at: AccessStage.mesh)
                    #expect(status.code == .permissionDenied, "\(uri) \(path): \(status)")
                    #expect(status.message.contains(uri), "\(status)")
                }
                for (name, security) in Self.strangers {
                    let status = try await stage.ask(path, security, isStream: isStream, at: AccessStage.mesh)
                    #expect(status.code == .unavailable, "\(name) \(path): \(status)")
                }
            }
        }
    }

    /// The dialling side: who answers at a peer's endpoint with another certificate than a node's of that region is told
    /// nothing, neither by the mirror, nor by its claim, nor by calls of actors.
    @Test(arguments: [
        ("meridian://shop/gcp/n1", true), ("meridian://shop/azure/n1", false), ("meridian://shop/aws/n1", false),
        ("meridian://other/gcp/n1", false), ("meridian://shop/client/operator", false),
        ("meridian://shop/gcp-2/n1", false),
    ])
    func theDiallerSpeaksToItsPeersNodesOnly(uri: String, isPeer: Bool) throws {
        let stage = AccessStage(seed: 4)
        let answering = FalsePeer()
        try stage.simulation.drive {
            _ = try await stage.simulation.machine("gcp").environment.links.listen(
                on: AccessStage.peer, security: AccessStage.certificate(uri), handler: answering)
        }
        try stage.start(hasPeer: true)
        stage.simulation.run(for: .seconds(10))
        #expect((answering.asked > 0) == isPeer, "\(uri): asked \(answering.asked) times")
    }

    /// Likewise a client that expects a node of its region.
    @Test func aClientSpeaksToItsRegionsNodesOnly() throws {
        let stage = AccessStage(seed: 5)
        try stage.start()
        try stage.simulation.drive {
            try await stage.untilServing()
            func ask(_ expected: ExpectedPeer) async throws -> RPCStatus {
                try await stage.ask(
                    "/grpc.health.v1.Health/Check", AccessStage.client("app").expecting(expected))
            }
            #expect(try await ask(.node(of: ["aws"], in: "shop")).code == .ok)
            #expect(try await ask(.member(of: "shop")).code == .ok)
            #expect(try await ask(.node(of: ["gcp"], in: "shop")).code == .unavailable)
            #expect(try await ask(.node(of: ["aws"], in: "other")).code == .unavailable)
            #expect(try await ask(.uriPrefixes([])).code == .unavailable)
        }
    }
}
