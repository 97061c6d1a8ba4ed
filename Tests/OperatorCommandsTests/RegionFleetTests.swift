// A fleet's files: names, numbers, ports and secrets of regions that are to know each other.

import ClusterModel
import Datasets
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import OperatorCommands

@Suite struct RegionFleetTests {
    @Test func regionsHaveNamesForEver() {
        #expect((0..<5).map(RegionFleet.name) == ["aws-us", "gcp-eu", "azure-in", "region-4", "region-5"])
    }

    @Test func portsDifferAndAreNotThoseOfOutgoingConnections() throws {
        let ports = try LoopbackPorts.free(24)
        #expect(Set(ports).count == 24)
        #expect(ports.allSatisfy { $0 < 32_768 && $0 > 1_024 })
    }

    @Test func aNodeAloneHasNeitherPeersNorTLS() {
        let settings = NodeSettings(api: .loopback(1), admin: .loopback(2))
        let text = settings.yaml(directory: "/d")
        for key in ["peers", "mesh", "tls", "keys"] { #expect(!text.contains("\(key):"), "\(key)") }
        #expect(text.contains("  directory: /d/data"))
    }

    @Test func aRegionNamesItsPeersByTheirMesh() {
        var settings = NodeSettings(api: .loopback(1), admin: .loopback(2))
        (settings.region, settings.number, settings.mesh) = ("gcp-eu", 2, .loopback(3))
        settings.peers = [NodeSettings.Peer(region: "aws-us", number: 1, mesh: .loopback(4))]
        settings.tokenKeyPath = "/k"
        let identity = TLSIdentity(authorityPath: "/ca", certificatePath: "/c", keyPath: "/key")
        settings.tls = NodeTLS(node: identity, client: identity)
        let text = settings.yaml(directory: "/d")
        for line in [
            "  name: gcp-eu", "  number: 2", "  mesh: 127.0.0.1:3", "  ca: /ca", "    - {id: 1, file: /k}",
            "  - {region: aws-us, number: 1, endpoints: [\"127.0.0.1:4\"]}",
        ] {
            #expect(text.contains(line), "\(line)")
        }
    }

    @Test func usersAreSpreadOverTheirHomesAndKeepThem() async throws {
        let stepped = SteppedEnvironment(seed: 1)
        let service = HomedService([NoService(), NoService(), NoService()], clock: stepped.clock)
        var homes = [0, 0, 0]
        for number in 0..<3_000 {
            let home = service.home(of: "user-\(number)")
            #expect(home == service.home(of: "user-\(number)"))
            homes[home] += 1
        }
        #expect(homes.allSatisfy { (900...1_100).contains($0) }, "\(homes)")
    }
}

/// Answers nothing.
private struct NoService: ContentService {
    private static let failure = OperatorFailure(.unreachable, "nobody is here")

    func publish(_ items: [CatalogueItem]) async throws(OperatorFailure) { throw Self.failure }

    func setProfile(_ profile: RecordedProfile, of user: String) async throws(OperatorFailure) { throw Self.failure }

    func nextContent(for user: String, count: Int, requestID: UInt64) async throws(OperatorFailure) -> ServedSlate {
        throw Self.failure
    }

    func report(
        _ interactions: [InteractionToReport], of user: String, durability: Acknowledgement.Promise
    ) async throws(OperatorFailure) -> ReportReceipt { throw Self.failure }
}
