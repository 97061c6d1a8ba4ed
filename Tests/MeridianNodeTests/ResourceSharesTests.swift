// What a node makes of the limits of its machine (A8).

import ClusterModel
import NodeEnvironment
import Testing

@testable import MeridianNode

@Suite struct ResourceSharesTests {
    private static func configuration(peers: Int = 0, connections: Int = 10_000) throws -> NodeConfiguration {
        let yaml = """
            deployment: {id: shop, partitions: 1}
            region: {name: aws-us, number: 1}
            node: {name: n1}
            log: {directory: journal}
            limits: {connections: \(connections)}

            """
        var configuration = try NodeConfiguration(yaml: yaml, file: "node.yaml")
        configuration.peers = (0..<peers).map { peer in
            .init(region: "peer-\(peer)", number: RegionNumber(UInt16(peer + 2)), endpoints: [])
        }
        return configuration
    }

    private static func shares(
        _ descriptors: Int, peers: Int = 0, connections: Int = 10_000, loops: Int = 2
    ) throws -> ResourceShares {
        try ResourceShares(
            MachineLimits(descriptors: descriptors),
            configuration: configuration(peers: peers, connections: connections), loops: loops)
    }

    @Test(arguments: [400, 1_024, 4_096, 10_500], [0, 1, 7]) func whatIsKeptIsNeverGivenToClients(
        descriptors: Int, peers: Int
    ) throws {
        guard let shares = try? Self.shares(descriptors, peers: peers) else {
            #expect(descriptors == 400)
            return
        }
        let kept = ResourceShares.disk + ResourceShares.runtime + ResourceShares.pages + 2 * ResourceShares.perLoop
        #expect(
            shares.connections + shares.meshConnections + kept + peers * ResourceShares.perPeer <= descriptors)
        #expect(shares.connections >= 64)
        #expect((shares.meshConnections > 0) == (peers > 0))
    }

    @Test func aLimitThatIsLargeEnoughChangesNothing() throws {
        let shares = try Self.shares(1 << 20, peers: 2)
        #expect(shares.connections == 10_000 && shares.warning == nil)
    }

    @Test func fewerConnectionsThanConfiguredAreNamedWithTheLimit() throws {
        let shares = try Self.shares(1_024)
        let warning = try #require(shares.warning)
        #expect(shares.connections < 1_024 - 200)
        for part in ["10000", "1024", "\(shares.connections)", "LimitNOFILE"] { #expect(warning.contains(part)) }
    }

    private static func refusal(_ limits: MachineLimits) throws -> NodeError? {
        let configuration = try configuration()
        return #expect(throws: NodeError.self) {
            try ResourceShares(limits, configuration: configuration, loops: 2)
        }
    }

    @Test func aMachineThatIsTooSmallIsRefusedByTheNameOfItsLimit() throws {
        let files = try Self.refusal(MachineLimits(descriptors: 64))
        #expect(files?.description.contains("open files is 64") == true, "\(files as Any)")
        let space = try Self.refusal(MachineLimits(descriptors: 4_096, addressSpace: 1 << 28))
        #expect(space?.description.contains("ulimit -v") == true, "\(space as Any)")
        let memory = try Self.refusal(MachineLimits(descriptors: 4_096, groupMemory: 1 << 26))
        #expect(memory?.description.contains("MemoryMax") == true, "\(memory as Any)")
        let threads = #expect(throws: NodeError.self) { try ResourceShares.checkThreads(loops: 2) { $0 < 10 } }
        #expect(threads?.description.contains("LimitNPROC") == true, "\(threads as Any)")
    }

    /// The system ended such a process without a word.
    @Test func filesThatMayNotBecomeASegmentAreRefusedByName() throws {
        let configuration = try Self.configuration()
        let needed = UInt64(configuration.log.segmentBytes)
        for longest in [nil, needed] { try ResourceShares.checkFileLength(configuration, longest: longest) }
        let refusal = #expect(throws: NodeError.self) {
            try ResourceShares.checkFileLength(configuration, longest: needed - 1)
        }
        #expect(refusal?.description.contains("LimitFSIZE") == true, "\(refusal as Any)")
    }
}
