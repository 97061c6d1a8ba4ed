// S2 over long windows: a model of a wall clock that is moved against elapsed time, looked at ten times a second.

import ClusterModel
import Testing

@Suite struct ClockDriftTests {
    /// A machine: how far its wall clock is from the truth, and when.
    private struct Machine {
        private static let start = WallTime(milliseconds: 1_700_000_000_000)
        static let look: Duration = .milliseconds(100)

        var guardian = ClockGuard(bounds: .standard)
        var elapsed: Duration = .zero
        var error: Duration = .zero

        mutating func read() {
            guardian.onReading(
                wall: Self.start.advanced(by: elapsed + error),
                boot: BootInstant(nanoseconds: 1_000_000_000).advanced(by: elapsed), isSynchronised: true)
        }

        /// Looks for so long while the wall clock gains `partsPerMillion`. When it refused first; nil for never.
        mutating func run(for duration: Duration, partsPerMillion: Int = 0) -> Duration? {
            let end = elapsed + duration
            var refused: Duration?
            while elapsed < end {
                elapsed += Self.look
                error += Self.look * partsPerMillion / 1_000_000
                read()
                if refused == nil, refuses { refused = elapsed }
            }
            return refused
        }

        var refuses: Bool {
            if case .refusing = guardian.verdict { return true }
            return false
        }
    }

    private static let maxDrift = TimeBounds.standard.maxDrift

    @Test(
        "S2: a steady drift of 5 % refuses within the time that it takes to gain D",
        arguments: [50_000, -50_000, 5_000, -700])
    func aSteadyDriftIsFound(partsPerMillion: Int) throws {
        var machine = Machine()
        machine.read()
        let found = machine.run(for: .seconds(5_000), partsPerMillion: partsPerMillion)
        let refused = try #require(found)
        let gaining = Duration.milliseconds(500) * 1_000_000 / (abs(partsPerMillion) - ClockGuard.slewPerMillion)
        #expect(refused <= gaining + .seconds(1), "\(refused)")
        // Once corrected it is trusted again, unless the slew has taken belief along for too long.
        guard abs(partsPerMillion) >= 5_000 else { return }
        machine.error = .zero
        _ = machine.run(for: .seconds(1))
        #expect(!machine.refuses)
    }

    @Test("S2: a drift of one millisecond less than D a look refuses at the second look", arguments: [499, -499])
    func aDriftJustBelowDALookIsFound(milliseconds: Int) {
        var machine = Machine()
        machine.read()
        for look in 1...2 {
            machine.elapsed += Machine.look
            machine.error += .milliseconds(milliseconds)
            machine.read()
            #expect(machine.refuses == (look == 2))
        }
    }

    @Test("S2: NTP may slew by 500 ppm for hours, and then the other way", arguments: [500, -500])
    func slewsAreFollowed(partsPerMillion: Int) {
        var machine = Machine()
        machine.read()
        #expect(machine.run(for: .seconds(20_000), partsPerMillion: partsPerMillion) == nil)
        #expect(machine.run(for: .seconds(20_000), partsPerMillion: -partsPerMillion) == nil)
    }

    @Test("S2: one step below D is followed; a second before it is absorbed refuses")
    func stepsAddUp() {
        var machine = Machine()
        machine.read()
        machine.error = .milliseconds(450)
        #expect(machine.run(for: .seconds(1_000)) == nil)
        machine.error += .milliseconds(450)
        #expect(machine.run(for: .seconds(10)) == nil)
        machine.error += .milliseconds(450)
        #expect(machine.run(for: .seconds(10)) != nil)
    }

    @Test("S2: waiting never makes a wrong clock right")
    func waitingDoesNotHelp() {
        var machine = Machine()
        machine.read()
        machine.error = .seconds(3)
        _ = machine.run(for: .seconds(20_000))
        #expect(machine.refuses)
    }

    @Test("S2: a machine that slept is trusted when its wall clock slept as long, and not when it was set meanwhile")
    func sleepIsNoSlew() {
        var machine = Machine()
        machine.read()
        #expect(machine.run(for: .seconds(60)) == nil)
        machine.elapsed += .seconds(8 * 3_600)
        machine.read()
        #expect(!machine.refuses)
        machine.elapsed += .seconds(8 * 3_600)
        machine.error = .seconds(10)
        machine.read()
        #expect(machine.refuses)
        #expect(ClockGuard.longestSlewing * ClockGuard.slewPerMillion / 1_000_000 < Self.maxDrift / 50)
    }

    @Test("S2: stamps between two looks are held against what is believed, not against what was read")
    func theBeliefIsWhatIsVouchedFor() throws {
        var machine = Machine()
        machine.read()
        machine.error = .milliseconds(400)
        machine.elapsed += Machine.look
        machine.read()
        let boot = BootInstant(nanoseconds: 1_000_000_000).advanced(by: machine.elapsed)
        let believed = try #require(machine.guardian.believedTime(at: boot))
        let truth = WallTime(milliseconds: 1_700_000_000_000).advanced(by: machine.elapsed)
        #expect(believed.milliseconds(since: truth) <= 1)
    }

    @Test func nothingThatAPeerOrAClockSaysTraps() {
        var guardian = ClockGuard(bounds: .standard)
        let ends: [UInt64] = [0, 1, WallTime.mask, .max - 1, .max]
        for wall in ends {
            for boot in ends {
                guardian.onReading(
                    wall: WallTime(milliseconds: wall), boot: BootInstant(nanoseconds: boot), isSynchronised: true)
                _ = (guardian.verdict.description, guardian.believedTime(at: BootInstant(nanoseconds: boot)))
            }
        }
        var others = ClockGuard(bounds: .standard)
        for (number, offset) in [Int64.min, .max, .min + 1, .max - 1].enumerated() {
            others.onPeer(
                RegionNumber(UInt16(number)),
                PeerClock(offsetMilliseconds: offset, roundTrip: .nanoseconds(Int64.max), isRefusing: false))
            _ = others.verdict.description
        }
    }
}
