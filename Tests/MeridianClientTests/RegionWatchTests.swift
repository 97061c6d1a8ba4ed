// What takes more than one call at a time: hedged reads, signs of life for patient calls, and the watch.

import ClusterModel
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianClient

@Suite struct RegionWatchTests {
    private static func click() -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        event.kind = .click
        event.contentID = "c"
        return event
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func aSlowReadIsAskedTwiceAndTheFirstAnswerWins(seed: UInt64) throws {
        let world = try SimulatedRegions(seed: seed) { $0.hedgeReadsAfter = .milliseconds(20) }
        world.regions[0].set(pause: .milliseconds(90))
        let (client, clock) = (world.client, world.clock)
        let (region, took) = try world.simulation.drive {
            let start = clock.bootTime()
            let reply = try await client.nextContent(for: "u")
            return (reply.region, clock.bootTime().since(start))
        }
        #expect(region == 1, "seed \(seed)")
        #expect(took < .milliseconds(60), "seed \(seed): \(took)")
        let statistics = client.statistics
        #expect(statistics.hedges == 1 && statistics.hedgesWon == 1, "seed \(seed)")
        world.simulation.run(for: .milliseconds(200))
        #expect(world.regions[0].givenUp == 1, "seed \(seed): the loser is cancelled")
        #expect(statistics.current == "a", "seed \(seed): one slow read moves nothing")
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func aQuickReadAndAWriteAreAskedOnce(seed: UInt64) throws {
        let world = try SimulatedRegions(seed: seed) { $0.hedgeReadsAfter = .milliseconds(20) }
        let client = world.client
        let regions = world.regions
        try world.simulation.drive {
            _ = try await client.nextContent(for: "u")
            regions[0].set(pause: .milliseconds(60))
            _ = try await client.report([Self.click()], of: "u")
        }
        #expect(client.statistics.hedges == 0)
        #expect(world.regions[1].arrived(SimulatedRegion.read) == 0)
        #expect(world.regions[1].arrived(SimulatedRegion.report) == 0)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func s11ASlowRemoteWriteIsNotCutWhileItsRegionLives(seed: UInt64) throws {
        let world = try SimulatedRegions(seed: seed)
        world.regions[0].set(pause: .milliseconds(1_500))
        let client = world.client
        let region = try world.simulation.drive {
            try await client.report([Self.click()], of: "u", durability: .remote).region
        }
        #expect(region == 0, "seed \(seed)")
        #expect(world.regions[0].arrived(SimulatedRegion.report) == 1, "seed \(seed)")
        #expect(world.regions[1].arrived(SimulatedRegion.report) == 0, "seed \(seed)")
        #expect(world.regions[0].arrived(SimulatedRegion.health) >= 2, "seed \(seed)")
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func s11ARemoteWriteLeavesADeadRegionWithinASecond(seed: UInt64) throws {
        let world = try SimulatedRegions(seed: seed)
        let (client, clock) = (world.client, world.clock)
        world.cutOff(0)
        let (region, took) = try world.simulation.drive {
            let start = clock.bootTime()
            let reply = try await client.report([Self.click()], of: "u", durability: .remote)
            return (reply.region, clock.bootTime().since(start))
        }
        #expect(region == 1, "seed \(seed)")
        #expect(took < .milliseconds(600), "seed \(seed): \(took)")
        #expect(client.statistics.current == "b", "seed \(seed)")
    }

    @Test func s11ALateRemoteWriteSaysNothingAgainstItsRegion() throws {
        let world = try SimulatedRegions(seed: 3)
        world.regions[0].set(pause: .seconds(60))
        world.regions[1].set(pause: .seconds(60))
        let client = world.client
        let code = try world.simulation.drive {
            do {
                _ = try await client.report(
                    [Self.click()], of: "u", durability: .remote, options: CallOptions(timeout: .seconds(12)))
                return MeridianClientError.Code("answered")
            } catch {
                return (error as? MeridianClientError)?.code ?? MeridianClientError.Code("foreign")
            }
        }
        #expect(code == .deadlineExceeded)
        #expect(client.statistics.failovers == 0 && client.statistics.current == "a")
        #expect(world.regions[1].arrived(SimulatedRegion.report) >= 1, "another region is asked after two seconds")
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func manyWaitingCallsAskForOneSignOfLife(seed: UInt64) throws {
        let world = try SimulatedRegions(seed: seed)
        world.regions[0].set(pause: .milliseconds(900))
        let client = world.client
        try world.simulation.drive {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask { _ = try await client.report([Self.click()], of: "u\(number)", durability: .remote) }
                }
                try await group.waitForAll()
            }
        }
        let checks = world.regions[0].arrived(SimulatedRegion.health)
        #expect(checks >= 2 && checks <= 8, "seed \(seed): \(checks) checks for 50 calls")
        #expect(world.regions[0].arrived(SimulatedRegion.report) == 50, "seed \(seed)")
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func theWatchFindsOutWithoutAUsersCall(seed: UInt64) throws {
        let world = try SimulatedRegions(seed: seed) { $0.failover.returnHold = .seconds(2) }
        let (client, clock) = (world.client, world.clock)
        let network = world.simulation.network
        let longest = try world.simulation.drive {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await client.run() }
                network.cut(SimulatedRegions.phone, "a")
                for _ in 0..<3 { _ = try await client.report([Self.click()], of: "u") }
                var longest = Duration.zero
                for _ in 0..<200 {
                    let start = clock.bootTime()
                    let reply = try await client.report([Self.click()], of: "u")
                    #expect(reply.region == 1, "seed \(seed)")
                    longest = max(longest, clock.bootTime().since(start))
                    try await clock.sleep(for: .milliseconds(100))
                }
                network.heal(SimulatedRegions.phone, "a")
                try await clock.sleep(for: .seconds(25))
                #expect(client.statistics.current == "a", "seed \(seed)")
                group.cancelAll()
                return longest
            }
        }
        #expect(longest < .milliseconds(20), "seed \(seed): a user's call waited \(longest) for a dead region")
        #expect(client.statistics.trials == 0 && client.statistics.probes >= 5, "seed \(seed)")
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func s5NoCallerSeesARegionDie(seed: UInt64) throws {
        let world = try SimulatedRegions(seed: seed)
        let (client, clock) = (world.client, world.clock)
        let machine = world.simulation.machine("a")
        let longest = try world.simulation.drive {
            try await withThrowingTaskGroup(of: Duration.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        var longest = Duration.zero
                        var last = clock.bootTime()
                        for _ in 0..<100 {
                            _ = try await client.report([Self.click()], of: "u\(number)")
                            longest = max(longest, clock.bootTime().since(last))
                            last = clock.bootTime()
                        }
                        return longest
                    }
                }
                try await clock.sleep(for: .milliseconds(100))
                machine.crash()
                return try await group.reduce(.zero) { max($0, $1) }
            }
        }
        #expect(longest < .seconds(1), "seed \(seed): \(longest)")
        #expect(client.statistics.failedCalls == 0 && client.statistics.failovers == 1, "seed \(seed)")
    }
}
