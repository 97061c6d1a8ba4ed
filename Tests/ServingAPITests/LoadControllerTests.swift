// The controller alone, on a clock that moves by hand: what it lets in when queues come and go, stand, and are over.

import ClusterModel
import NodeEnvironment
import Testing

@testable import ServingAPI

@Suite struct LoadControllerTests {
    /// A loop that serves a call in a millisecond, refuses one in 5 us, and takes calls in the order of their arrival, which
    /// is at even distances.
    private struct Loop {
        static let capacity = 1_000.0
        static let service = Duration.milliseconds(1)
        static let refusal = Duration.microseconds(5)

        var controller = LoadController(LoadSettings())
        var now = BootInstant(nanoseconds: 1_000_000_000)
        var offered = [0, 0, 0]
        var admitted = [0, 0, 0]
        var oldestAdmitted = Duration.zero

        /// `rates`: calls a second by class. `begin`: when the first arrives, which may be in the past.
        mutating func run(_ rates: [Double], for duration: Duration, since begin: BootInstant? = nil) {
            (offered, admitted, oldestAdmitted) = ([0, 0, 0], [0, 0, 0], .zero)
            let start = begin ?? now
            let end = duration / .seconds(1)
            var due = rates.map { 1 / $0 }
            while let place = due.indices.min(by: { due[$0] < due[$1] }), due[place] < end {
                let arrived = start.advanced(by: .nanoseconds(Int64(due[place] * 1e9)))
                due[place] += 1 / rates[place]
                serve(CallPriority.allCases[place], arrivedAt: arrived)
            }
        }

        private mutating func serve(_ priority: CallPriority, arrivedAt: BootInstant) {
            now = max(now, arrivedAt)
            offered[priority.rawValue] += 1
            let age = now.since(arrivedAt)
            let isAdmitted = controller.onCall(priority, age: age, at: now) == .admit
            if isAdmitted {
                admitted[priority.rawValue] += 1
                oldestAdmitted = max(oldestAdmitted, age)
            }
            now = now.advanced(by: isAdmitted ? Self.service : Self.refusal)
        }

        func share(_ priority: CallPriority) -> Double {
            Double(admitted[priority.rawValue]) / Double(max(1, offered[priority.rawValue]))
        }
    }

    @Test func steadyLoadIsLetInWhole() {
        var loop = Loop()
        loop.run([200, 300, 450], for: .seconds(20))
        #expect(loop.admitted == loop.offered)
        #expect(!loop.controller.isLimiting && loop.controller.standingAge == .zero)
    }

    @Test func aBurstIsNoOverload() {
        var loop = Loop()
        for _ in 0..<20 {
            // 90 ms of work at once, then time to do it.
            loop.run([1, 1, 100], for: .milliseconds(500))
            let burst = loop.now
            for _ in 0..<90 {
                let age = loop.now.since(burst)
                #expect(loop.controller.onCall(.prefetch, age: age, at: loop.now) == .admit)
                loop.now = loop.now.advanced(by: Loop.service)
            }
            loop.run([1, 1, 100], for: .milliseconds(500))
            #expect(loop.admitted == loop.offered)
        }
    }

    @Test(arguments: [1.2, 3.0, 10.0])
    func overloadConvergesToWhatTheLoopCanDo(factor: Double) {
        var loop = Loop()
        let rates = [0.001, 0.001, Loop.capacity * factor]
        loop.run(rates, for: .seconds(3))
        loop.run(rates, for: .seconds(10))
        let served = loop.share(.unlock) * factor
        #expect(served > 0.92 && served < 1.01, "let in \(served) of what the loop can do")
        #expect(loop.oldestAdmitted < .milliseconds(100) && loop.controller.isLimiting, "\(loop.oldestAdmitted)")
    }

    @Test func theLowestClassIsShedFirst() {
        var loop = Loop()
        for _ in 0..<2 { loop.run([500, 300, 500], for: .seconds(10)) }
        #expect(loop.share(.unlock) > 0.99 && loop.share(.write) > 0.97, "\(loop.admitted) of \(loop.offered)")
        #expect(abs(loop.share(.prefetch) - 0.4) < 0.1, "\(loop.admitted) of \(loop.offered)")
        // More: nothing is left for prefetch, and writes give way.
        for _ in 0..<2 { loop.run([500, 500, 800], for: .seconds(10)) }
        #expect(loop.share(.unlock) > 0.98, "\(loop.admitted) of \(loop.offered)")
        #expect(abs(loop.share(.write) - 0.4) < 0.1 && loop.share(.prefetch) < 0.02)
    }

    /// While the loop stands still, and while it refuses what piled up meanwhile, next to nothing is served: that says
    /// nothing of what it can do afterwards.
    @Test(arguments: [3.0, 10.0])
    func aStallIsForgottenAtOnce(factor: Double) {
        var loop = Loop()
        let rates = [Loop.capacity * factor * 0.3, Loop.capacity * factor * 0.2, Loop.capacity * factor * 0.5]
        loop.run(rates, for: .seconds(3))
        for _ in 0..<5 {
            loop.now = loop.now.advanced(by: .milliseconds(400))
            let end = loop.now
            loop.run(rates, for: .milliseconds(200), since: end.advanced(by: .milliseconds(-400)))
            loop.run(rates, for: .milliseconds(200), since: end.advanced(by: .milliseconds(-200)))
            loop.run(rates, for: .milliseconds(500))
            let served = Double(loop.admitted.reduce(0, +)) / (Loop.capacity * 0.5)
            #expect(served > 0.8, "\(served) of what the loop can do, \(loop.admitted) of \(loop.offered)")
        }
    }

    @Test func itRecoversWithinASecond() {
        var loop = Loop()
        loop.run([1, 1, 10_000], for: .seconds(5))
        #expect(loop.controller.isLimiting)
        loop.run([100, 100, 600], for: .seconds(1))
        loop.run([100, 100, 600], for: .seconds(5))
        #expect(loop.admitted == loop.offered && !loop.controller.isLimiting)
    }

    @Test func silenceIsForgiven() {
        var loop = Loop()
        loop.run([1, 1, 10_000], for: .seconds(2))
        loop.now = loop.now.advanced(by: .seconds(5))
        #expect(loop.controller.onCall(.prefetch, age: .zero, at: loop.now) == .admit)
        #expect(!loop.controller.isLimiting && loop.controller.share(of: .prefetch) == 1)
    }

    /// Callers far beyond the capacity are told to come back later than those a little beyond it, and lower classes later.
    @Test func pressureGrowsWithTheOverload() {
        func pressure(_ factor: Double, _ priority: CallPriority) -> Int {
            var loop = Loop()
            loop.run([1, 1, 1_000 * factor], for: .seconds(5))
            guard
                case .refuse(let pressure) = loop.controller.onCall(priority, age: .seconds(2), at: loop.now)
            else { return -1 }
            return pressure
        }
        #expect(pressure(1.5, .unlock) >= 1)
        #expect(pressure(10, .unlock) > pressure(1.5, .unlock))
        #expect(pressure(10, .prefetch) > pressure(10, .write) && pressure(10, .write) > pressure(10, .unlock))
        #expect(pressure(200, .prefetch) == LoadController.maxPressure)
    }

    @Test func whatWaitedTooLongIsRefusedAtOnce() {
        var controller = LoadController(LoadSettings(ageLimit: .seconds(1)))
        let now = BootInstant(nanoseconds: 1)
        #expect(controller.onCall(.unlock, age: .seconds(1), at: now) == .admit)
        #expect(controller.onCall(.unlock, age: .milliseconds(1_001), at: now) != .admit)
    }

    @Test func aTargetOfZeroShedsNothing() {
        var controller = LoadController(LoadSettings(target: .zero))
        for step in 0..<1_000 as Range<UInt64> {
            let now = BootInstant(nanoseconds: step * 10_000_000)
            #expect(controller.onCall(.prefetch, age: .seconds(60), at: now) == .admit)
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func anyInputIsBounded(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var controller = LoadController(LoadSettings())
        var now = BootInstant(nanoseconds: generator.next() >> 8)
        for _ in 0..<5_000 {
            let priority = CallPriority.allCases[Int(generator.next() % 3)]
            // Clocks that stand still, ages from the future, pauses of years.
            let age = Duration.nanoseconds(Int64(bitPattern: generator.next()) >> Int64(generator.next() % 63))
            now = now.advanced(by: .nanoseconds(Int64(generator.next() >> (1 + generator.next() % 62))))
            if case .refuse(let pressure) = controller.onCall(priority, age: age, at: now) {
                #expect((0...LoadController.maxPressure).contains(pressure), "seed \(seed)")
            }
            for priority in CallPriority.allCases {
                #expect((0...1).contains(controller.share(of: priority)), "seed \(seed)")
            }
        }
    }
}
