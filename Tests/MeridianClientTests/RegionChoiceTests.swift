// The choice of regions under random histories: no resting region while one is up, home in the end, few trials.

import ClusterModel
import NodeEnvironment
import Testing

@testable import MeridianClient

@Suite struct RegionChoiceTests {
    private static let policy = FailoverPolicy(returnHold: .seconds(2))
    private static let refused = RegionVerdict.unreachable

    private static func choice(_ endpoints: [Int] = [1, 1], seed: UInt64 = 1) -> RegionChoice {
        RegionChoice(endpoints: endpoints, policy: policy, seed: seed)
    }

    private static func route(_ choice: inout RegionChoice, _ ask: RegionChoice.Ask, at now: BootInstant) throws
        -> Route
    {
        let route = choice.route(ask, at: now)
        return try #require(route)
    }

    /// Regions that go down and come back, and calls that find out.
    private struct World {
        var choice: RegionChoice
        var generator: SeededGenerator
        var now = BootInstant(nanoseconds: 1_000_000_000)
        var isWell: [Bool]
        var asked: [Int]

        init(regions: Int, seed: UInt64) {
            generator = SeededGenerator(seed: seed)
            choice = RegionChoiceTests.choice(
                (0..<regions).map { _ in 1 + Int(seed % 3) }, seed: seed)
            isWell = Array(repeating: true, count: regions)
            asked = Array(repeating: 0, count: regions)
        }

        mutating func draw(_ bound: Int) -> Int { Int(generator.next() % UInt64(bound)) }

        mutating func pass(_ duration: Duration) { now = now.advanced(by: duration) }

        /// One call with its rounds; false when nobody answered.
        mutating func call(_ check: ((Route, RegionChoice, RegionSet) -> Void)? = nil) -> Bool {
            var tried = RegionSet()
            var visits = Array(repeating: 0, count: isWell.count)
            var isFirst = true
            while true {
                let before = check == nil ? nil : choice
                let ask = RegionChoice.Ask(tried: tried, isWrite: true, mayTry: isFirst)
                guard let route = choice.route(ask, at: now) else { return false }
                if let check, let before { check(route, before, tried) }
                isFirst = false
                asked[route.region] += 1
                visits[route.region] += 1
                pass(.milliseconds(1 + draw(5)))
                if isWell[route.region] {
                    choice.onAnswer(route, trip: now.since(route.startedAt), isWrite: true, at: now)
                    return true
                }
                fail(route)
                if !choice.regions[route.region].isUp || visits[route.region] >= 4 { tried.insert(route.region) }
            }
        }

        private mutating func fail(_ route: Route) {
            switch draw(3) {
            case 0: choice.onFailure(route, .unreachable, waited: .zero, at: now)
            case 1:
                pass(.milliseconds(250))
                choice.onFailure(route, .silent, waited: .milliseconds(250), at: now)
            default:
                choice.onFailure(
                    route, .closed(wish: .milliseconds(300), writesOnly: draw(2) == 0), waited: .zero, at: now)
            }
        }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func noRestingRegionIsAskedWhileOneIsUp(seed: UInt64) {
        var world = World(regions: 2 + Int(seed % 3), seed: seed)
        for step in 0..<400 {
            if world.draw(12) == 0 {
                let region = world.draw(world.isWell.count)
                world.isWell[region].toggle()
            }
            world.pass(.milliseconds(world.draw(400)))
            let answered = world.call { route, choice, tried in
                if tried.contains(route.region) {
                    Issue.record("seed \(seed), step \(step): \(route.region) is asked again in one round")
                }
                // Rests are judged as the route is given; the failures before it took time.
                let rests = choice.regions[route.region].isResting(at: route.startedAt)
                if rests, choice.regions.contains(where: \.isUp) {
                    Issue.record("seed \(seed), step \(step): \(route.region) rests, and another is up")
                }
            }
            let isMissed = zip(world.isWell, world.choice.regions).contains { $0 && !$1.isResting(at: world.now) }
            if !answered, isMissed { Issue.record("seed \(seed), step \(step): a well region was not asked") }
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func trafficComesHomeInTheEnd(seed: UInt64) {
        var world = World(regions: 2 + Int(seed % 3), seed: seed)
        for _ in 0..<100 {
            world.isWell[world.draw(world.isWell.count)].toggle()
            world.pass(.milliseconds(world.draw(2_000)))
            _ = world.call()
        }
        world.isWell = world.isWell.map { _ in true }
        // The longest rest, and the longest hold with its jitter.
        let bound = Self.policy.longestRest + Self.policy.returnHold * 10 + .seconds(10)
        let end = world.now.advanced(by: bound)
        while world.now < end {
            world.pass(.milliseconds(50))
            if !world.call() { Issue.record("seed \(seed): all regions are well") }
        }
        #expect(world.choice.current == 0, "seed \(seed)")
        #expect(world.choice.regions[0].isUp, "seed \(seed)")
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func aDeadHomeIsTriedSeldom(seed: UInt64) {
        var world = World(regions: 2, seed: seed)
        world.isWell[0] = false
        let start = world.now
        while world.now.since(start) < .seconds(600) {
            world.pass(.milliseconds(80))
            if !world.call() { Issue.record("seed \(seed): no answer") }
        }
        // Rests double up to 15 s, jittered from half: ten minutes hold at most 80, and the first few.
        #expect(world.asked[0] <= 110, "seed \(seed): \(world.asked[0]) trials")
        #expect(world.asked[0] >= 30, "seed \(seed): \(world.asked[0]) trials")
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func aFlappingHomeMovesTrafficSeldom(seed: UInt64) {
        var world = World(regions: 2, seed: seed)
        let start = world.now
        var moves = 0
        var current = 0
        while world.now.since(start) < .seconds(600) {
            // Up for three seconds, down for three.
            world.isWell[0] = Int(world.now.since(start).signedMilliseconds) / 3_000 % 2 == 0
            world.pass(.milliseconds(80))
            if !world.call() { Issue.record("seed \(seed): no answer") }
            if world.choice.current != current { moves += 1 }
            current = world.choice.current
        }
        // Home falls 100 times; a hold that doubles beyond three seconds keeps traffic away.
        #expect(moves <= 12, "seed \(seed): \(moves) moves")
    }

    @Test func oneCallAtATimeTriesARegion() throws {
        var choice = Self.choice()
        var now = BootInstant(nanoseconds: 1_000_000_000)
        let ask = RegionChoice.Ask(mayTry: true)
        let first = try Self.route(&choice, ask, at: now)
        let move = choice.onFailure(first, Self.refused, waited: .zero, at: now)
        #expect(move == RegionChoice.Move(from: 0, to: 1))
        let other = try Self.route(&choice, ask, at: now)
        #expect(other.region == 1)
        now = now.advanced(by: .seconds(1))
        let trial = try Self.route(&choice, ask, at: now)
        #expect(trial.region == 0 && trial.isTrial)
        for _ in 0..<100 {
            let next = try Self.route(&choice, ask, at: now)
            #expect(next.region == 1)
        }
        // A trial that never ends, since its caller went away, does not keep the region away for good.
        now = now.advanced(by: .seconds(1))
        let again = try Self.route(&choice, ask, at: now)
        #expect(again.isTrial)
    }

    @Test func ofManyFailuresAtOnceOneCounts() throws {
        var choice = Self.choice()
        let start = BootInstant(nanoseconds: 1_000_000_000)
        let routes = (0..<500).compactMap { _ in choice.route(RegionChoice.Ask(), at: start) }
        let now = start.advanced(by: .milliseconds(3))
        for route in routes { choice.onFailure(route, Self.refused, waited: .zero, at: now) }
        #expect(choice.regions[0].isResting(at: now))
        #expect(!choice.regions[0].isResting(at: now.advanced(by: Self.policy.firstRest)))
    }

    @Test func aWriteRefusedByAFencedRegionIsUndoneByAWriteOnly() throws {
        var choice = Self.choice()
        var now = BootInstant(nanoseconds: 1_000_000_000)
        let route = try Self.route(&choice, RegionChoice.Ask(isWrite: true), at: now)
        choice.onFailure(route, .closed(wish: nil, writesOnly: true), waited: .zero, at: now)
        now = now.advanced(by: .seconds(2))
        let read = try Self.route(&choice, RegionChoice.Ask(isWrite: false, mayTry: true), at: now)
        #expect(read.region == 1)
        let probes = choice.probes(at: now)
        #expect(probes.allSatisfy { $0.region != 0 })
        choice.onAnswer(choice.route(pinnedTo: 0, at: now), trip: .milliseconds(1), isWrite: false, at: now)
        #expect(!choice.regions[0].isUp && !choice.regions[0].isReturning, "reads never stopped working")
        let trial = try Self.route(&choice, RegionChoice.Ask(isWrite: true, mayTry: true), at: now)
        #expect(trial.region == 0)
        choice.onAnswer(trial, trip: .milliseconds(1), isWrite: true, at: now)
        #expect(choice.regions[0].isReturning)
    }

    @Test func oneSilenceIsNoDeath() throws {
        var choice = Self.choice()
        let now = BootInstant(nanoseconds: 1_000_000_000)
        for count in 1...2 {
            let route = try Self.route(&choice, RegionChoice.Ask(), at: now)
            #expect(route.region == 0)
            choice.onFailure(route, .silent, waited: .milliseconds(250), at: now)
            #expect(choice.regions[0].isUp == (count < 2))
        }
    }

    @Test func aRegionOfManyNodesOutlivesOne() throws {
        var choice = Self.choice([3, 1])
        let now = BootInstant(nanoseconds: 1_000_000_000)
        for endpoint in 0..<3 {
            let route = try Self.route(&choice, RegionChoice.Ask(), at: now)
            #expect(route.region == 0 && route.endpoint == endpoint)
            choice.onFailure(route, Self.refused, waited: .zero, at: now)
        }
        #expect(choice.current == 1)
    }

    @Test func aNodeThatFailedLongAgoIsNoReasonToLeave() throws {
        var choice = Self.choice([2, 1])
        var now = BootInstant(nanoseconds: 1_000_000_000)
        for endpoint in [0, 1, 0, 1] {
            let route = try Self.route(&choice, RegionChoice.Ask(), at: now)
            #expect(route.region == 0 && route.endpoint == endpoint)
            choice.onFailure(route, Self.refused, waited: .zero, at: now)
            now = now.advanced(by: .seconds(60))
        }
        #expect(choice.current == 0)
    }

    @Test func aSlowRegionGetsItsTime() {
        var latency = LatencyEstimate()
        #expect(latency.patience(.milliseconds(100)...(.milliseconds(250))) == .milliseconds(250))
        for _ in 0..<100 { latency.onAnswer(.milliseconds(2)) }
        #expect(latency.patience(.milliseconds(100)...(.milliseconds(250))) == .milliseconds(100))
        for _ in 0..<100 { latency.onAnswer(.milliseconds(400)) }
        #expect(latency.patience(.milliseconds(100)...(.milliseconds(250))) > .milliseconds(700))
    }
}
