// The simulated environment itself: one seed, one run.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@Suite struct SchedulingTests {
    /// Actors, tasks, timers, threads and files on two machines.
    private static func busyRun(seed: UInt64) throws -> (hash: UInt64, sum: Int) {
        let simulation = Simulation(seed: seed)
        let machines = ["a", "b"].map { simulation.machine($0) }
        let sum = try simulation.drive {
            try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<20 {
                    let environment = machines[worker % 2].environment
                    let loop = environment.executors.loops[worker % environment.executors.loops.count]
                    group.addTask(executorPreference: loop) { try await Self.work(environment, worker) }
                }
                return try await group.reduce(0, +)
            }
        }
        return (simulation.traceHash, sum)
    }

    private static func work(_ environment: NodeEnvironment, _ worker: Int) async throws -> Int {
        let disk = environment.executors.makeDedicatedExecutor(label: "disk")
        var sum = 0
        for _ in 0..<5 {
            let span = environment.entropy.next() % 3_000
            try await environment.clock.sleep(for: .microseconds(Int64(span)))
            sum += try await disk.run { () throws(FileError) in
                let file = try environment.files.open("file-\(worker)", .createOrReplace)
                try file.write([1, 2, 3], at: 0)
                try file.synchronizeData()
                return Int(try file.length())
            }
            await Task.yield()
        }
        return sum
    }

    @Test func oneSeedIsOneRun() throws {
        let first = try Self.busyRun(seed: 7)
        #expect(first.sum == 20 * 5 * 3)
        for _ in 1..<20 { #expect(try Self.busyRun(seed: 7) == first) }
    }

    @Test func otherSeedsAreOtherRuns() throws {
        let hashes = try (0..<20).map { try Self.busyRun(seed: $0).hash }
        #expect(Set(hashes).count == 20)
    }

    /// The same in every process and every build: a change of the schedule is seen here.
    @Test func timersFireInTheOrderOfTheirTimes() throws {
        let simulation = Simulation(seed: 3)
        let environment = simulation.machine("a", loops: 1).environment
        let order = Mutex<[Int]>([])
        let start = environment.clock.bootTime()
        let loop = environment.executors.loops[0]
        for (number, milliseconds) in [30, 10, 20, 10].enumerated() {
            _ = loop.schedule(at: start.advanced(by: .milliseconds(Int64(milliseconds)))) {
                order.withLock { $0.append(number) }
            }
        }
        let cancelled = loop.schedule(at: start.advanced(by: .milliseconds(5))) { order.withLock { $0.append(9) } }
        cancelled.cancel()
        simulation.run(for: .milliseconds(15))
        #expect(order.withLock { $0 } == [1, 3])
        simulation.run(for: .milliseconds(50))
        #expect(order.withLock { $0 } == [1, 3, 2, 0])
    }

    @Test func sleepersWakeInOrderAndNotBefore() throws {
        for seed in 0..<20 as Range<UInt64> {
            let simulation = Simulation(seed: seed)
            let clock = simulation.machine("a").environment.clock
            let woken = try simulation.drive {
                await withTaskGroup(of: (Int, Bool).self) { group in
                    for number in (0..<10).reversed() {
                        group.addTask {
                            let due = clock.bootTime().advanced(by: .milliseconds(Int64(number)))
                            // Nobody cancels it.
                            try? await clock.sleep(until: due)
                            return (number, clock.bootTime() >= due)
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(woken.map { $0.0 } == Array(0..<10), "seed \(seed)")
            #expect(woken.allSatisfy { $0.1 }, "seed \(seed)")
        }
    }

    @Test func aCancelledSleepEndsAtOnce() throws {
        let simulation = Simulation(seed: 4)
        let clock = simulation.machine("a").environment.clock
        try simulation.drive {
            _ = await #expect(throws: CancellationError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await clock.sleep(for: .seconds(1_000)) }
                    try await clock.sleep(for: .milliseconds(1))
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
        }
        #expect(simulation.simulated < .seconds(1))
    }

    @Test func workOfOneLoopRunsInOrderAndKnowsWhereItIs() throws {
        let simulation = Simulation(seed: 5)
        let loops = simulation.machine("a", loops: 2).environment.executors.loops
        let seen = Mutex<[Int]>([])
        for number in 0..<50 {
            loops[0].execute {
                seen.withLock { $0.append(number) }
                #expect(loops[0].isCurrent && !loops[1].isCurrent)
            }
        }
        simulation.run(for: .milliseconds(1))
        #expect(seen.withLock { $0 } == Array(0..<50))
    }

    @Test func aBodyThatCannotEndIsReported() throws {
        let simulation = Simulation(seed: 6)
        #expect(throws: SimulationError.self) {
            try simulation.drive { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
        }
        let clock = simulation.machine("a").environment.clock
        #expect(throws: SimulationError.self) {
            try simulation.drive(limit: .seconds(1)) { try await clock.sleep(for: .seconds(2)) }
        }
    }

    @Test func workFromOutsideIsReported() throws {
        let simulation = Simulation(seed: 9)
        let environment = simulation.machine("a").environment
        // Either the foreign thread gets through, and is seen, or it never comes, and the body cannot end.
        #expect(throws: SimulationError.self) {
            try simulation.drive {
                await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                    Task { environment.executors.loops[0].execute { continuation.resume() } }
                }
            }
        }
    }

    @Test func wallClocksJumpAndBootClocksDoNot() throws {
        let simulation = Simulation(seed: 8)
        let machine = simulation.machine("a")
        let (wall, boot) = (machine.clock.wallTime(), machine.clock.bootTime())
        machine.clock.jumpWallClock(by: .seconds(-60))
        #expect(machine.clock.wallTime() == wall.advanced(by: .seconds(-60)))
        #expect(machine.clock.bootTime() == boot)
        simulation.run(for: .seconds(5))
        #expect(machine.clock.bootTime().since(boot) >= .seconds(5))
        machine.restart()
        #expect(machine.clock.bootTime() < boot.advanced(by: .seconds(5)))
    }
}
