// What happens to the regions of a run, drawn from its seed: a subset of kinds a run, one or two at a time.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment

/// The kinds of faults.
package enum RegionFault: String, Hashable, Sendable, CaseIterable {
    case powerCut = "power_cut"
    case kill
    case everyPowerCut = "every_power_cut"
    case partition
    case oneWayCut = "one_way_cut"
    case phoneCut = "phone_cut"
    case clockJump = "clock_jump"
    case clockDrift = "clock_drift"
    case clockFreeze = "clock_freeze"
    case unsynchronisedClock = "unsynchronised_clock"
    case wipe
    case oldDisk = "old_disk"
    /// A disk that was replaced before comes back, after or before the others agreed that its end is lost.
    case returningDisk = "returning_disk"

    /// A disk is lost or replaced. The rules promise what was acknowledged `remote(k)` for k such losses at once: a run
    /// has one region in that state, and the next once all have caught up.
    var isOfDisk: Bool { self == .wipe || self == .oldDisk || self == .returningDisk }
}

/// Strikes and heals, one strike after the other.
struct RegionFaultPlan {
    private let deployment: RegionDeployment
    private let watch: DigestWatch
    private let judge: DiskJudge
    private let ledger: RegionLedger
    private let kinds: [RegionFault]
    private var generator: SeededGenerator
    /// An image of each region's disk, taken at some time.
    private var copies: [Int: DiskImage] = [:]
    /// Disks that were replaced.
    private var gone: [Int: DiskImage] = [:]
    /// Every other power cut hits the machine in the middle of a file operation.
    private var cutsInFileOperation: Bool
    /// The region whose disk was replaced last.
    private var debtor: Int?

    private static let catchUpLimit = Duration.seconds(20)
    private static let powerCutPatience = Duration.milliseconds(400)
    /// From half a second to an hour.
    private static let jumps: [Duration] = [.milliseconds(500), .seconds(3), .seconds(60), .seconds(3_600)]

    init(
        deployment: RegionDeployment, watch: DigestWatch, judge: DiskJudge, ledger: RegionLedger,
        kinds: [RegionFault], seed: UInt64
    ) {
        self.deployment = deployment
        self.watch = watch
        self.judge = judge
        self.ledger = ledger
        self.kinds = kinds
        generator = SeededGenerator(seed: seed)
        cutsInFileOperation = seed % 2 == 0
    }

    private var clock: any NodeClock { deployment.phonesClock }
    private var network: SimulatedNetwork { deployment.simulation.network }
    private var count: Int { deployment.regions.count }

    /// A fault that is in force.
    private struct Active {
        var fault: RegionFault
        var region: Int
        var other: Int
        var life: Int
        var begun: BootInstant
        var partsPerMillion: Int64 = 0
    }

    mutating func strike() async throws {
        try await clock.sleep(for: .milliseconds(Int64(100 + generator.next() % 1_500)))
        checkRunning()
        let region = Int(generator.next() % UInt64(count))
        if generator.next() % 2 == 0 { copies[region] = deployment.machine(region).disk.image() }
        var active: [Active] = []
        if let first = pick() { active.append(try await begin(first)) }
        if generator.next() % 3 == 0, let second = pick(), !second.isOfDisk { active.append(try await begin(second)) }
        try await clock.sleep(for: .milliseconds(Int64(generator.next() % 2_500)))
        active.shuffle(using: &generator)
        for fault in active { try await end(fault) }
    }

    /// Ends everything and has every region run.
    func healAll() async throws {
        network.healAll()
        network.setFaults(NetworkFaults())
        for region in 0..<count {
            deployment.machine(region).clock.correct()
            if !deployment.machine(region).isUp { deployment.start(region) }
        }
        checkRunning()
    }

    /// A node ends by a fault of its machine only.
    private func checkRunning() {
        for region in 0..<count where deployment.machine(region).isUp {
            guard let outcome = deployment.outcome(region) else { continue }
            ledger.violated("run", "the node of region \(region + 1) ended by itself: \(outcome)")
            deployment.start(region)
        }
    }

    private mutating func pick() -> RegionFault? {
        kinds.isEmpty ? nil : kinds[Int(generator.next() % UInt64(kinds.count))]
    }

    private mutating func begin(_ fault: RegionFault) async throws -> Active {
        let region = Int(generator.next() % UInt64(count))
        let other = (region + 1 + Int(generator.next() % UInt64(max(1, count - 1)))) % count
        deployment.simulation.scheduler.note("\(fault.rawValue) \(region + 1) \(other + 1)")
        var active = Active(
            fault: fault, region: region, other: other, life: deployment.life(of: region), begun: clock.bootTime())
        switch fault {
        case .powerCut, .kill: try await kill(region, byPower: fault == .powerCut)
        case .everyPowerCut:
            for region in 0..<count { deployment.machine(region).crash() }
            ledger.saw(.everyPowerCut)
        case .partition:
            network.cut(deployment.machineName(region), deployment.machineName(other))
            ledger.saw(.partitioned)
        case .oneWayCut:
            network.cutOneWay(from: deployment.machineName(region), to: deployment.machineName(other))
            ledger.saw(.partitioned)
        case .phoneCut: network.cut(RegionDeployment.phones, deployment.machineName(region))
        case .clockJump, .clockDrift, .clockFreeze, .unsynchronisedClock: beginClockFault(&active)
        case .wipe: try await replaceDisk(of: region, by: nil)
        case .oldDisk: try await replaceDisk(of: region, by: copies[region])
        case .returningDisk:
            active.region = gone.keys.min() ?? region
            try await replaceDisk(of: active.region, by: gone[active.region] ?? copies[active.region])
        }
        return active
    }

    private mutating func beginClockFault(_ active: inout Active) {
        let clock = deployment.machine(active.region).clock
        ledger.saw(.clockFault)
        switch active.fault {
        case .clockJump:
            let jump = Self.jumps[Int(generator.next() % UInt64(Self.jumps.count))]
            clock.jumpWallClock(by: generator.next() % 2 == 0 ? jump : .zero - jump)
        case .clockDrift:
            active.partsPerMillion = generator.next() % 2 == 0 ? 50_000 : -50_000
            clock.setDrift(partsPerMillion: active.partsPerMillion)
        case .clockFreeze:
            active.partsPerMillion = -1_000_000
            clock.setDrift(partsPerMillion: active.partsPerMillion)
        default: clock.setSynchronised(false)
        }
    }

    private mutating func kill(_ region: Int, byPower: Bool) async throws {
        judge.checkRemote(without: region)
        let machine = deployment.machine(region)
        guard byPower else {
            ledger.saw(.processKilled)
            return machine.kill()
        }
        cutsInFileOperation.toggle()
        guard cutsInFileOperation else {
            ledger.saw(.powerCut)
            return machine.crash()
        }
        machine.cutPower(afterFileOperations: Int(generator.next() % 24))
        let end = clock.bootTime().advanced(by: Self.powerCutPatience)
        while machine.isUp, clock.bootTime() < end { try await clock.sleep(for: .milliseconds(1)) }
        ledger.saw(machine.isUp ? .powerCut : .powerCutInFileOperation)
        machine.crash()
    }

    /// Kills the region and puts `image`, or an empty disk, in place of its own. What stood on its disk only is lost.
    private mutating func replaceDisk(of region: Int, by image: DiskImage?) async throws {
        let mayGo: Bool
        if debtor == region { mayGo = true } else { mayGo = await watch.catchUp(within: Self.catchUpLimit) }
        guard mayGo else { return ledger.saw(.catchUpSkipped) }
        debtor = region
        let machine = deployment.machine(region)
        if generator.next() % 2 == 0 { try await growTail(of: region) }
        if generator.next() % 2 == 0 { machine.kill() } else { machine.crash() }
        let before = machine.disk.image()
        judge.diskIsReplaced(of: region, by: image)
        deployment.noteDiskFault(of: region)
        if let image, image.paths.contains("\(RegionDeployment.directory)/marks") {
            let asCopy = generator.next() % 2 == 0
            machine.disk.install(image, asCopy: asCopy)
            ledger.saw(asCopy ? .copiedDisk : .oldDisk)
        } else {
            machine.disk.wipe()
            ledger.saw(.wipedDisk)
        }
        gone = generator.next() % 3 == 0 ? [:] : [region: before]
    }

    /// The region goes on by itself for a while: what it takes then stands nowhere else.
    private mutating func growTail(of region: Int) async throws {
        let others = (0..<count).filter { $0 != region }.map { deployment.machineName($0) }
        for other in others { network.cut(deployment.machineName(region), other) }
        try await clock.sleep(for: .milliseconds(Int64(100 + generator.next() % 900)))
        for other in others { network.heal(deployment.machineName(region), other) }
    }

    private mutating func end(_ active: Active) async throws {
        let clock = deployment.machine(active.region).clock
        switch active.fault {
        case .powerCut, .kill, .wipe, .oldDisk, .returningDisk: try await startAgain(active.region)
        case .everyPowerCut: for region in 0..<count { try await startAgain(region) }
        case .partition, .oneWayCut:
            network.heal(deployment.machineName(active.region), deployment.machineName(active.other))
        case .phoneCut: network.heal(RegionDeployment.phones, deployment.machineName(active.region))
        case .clockJump, .clockFreeze, .unsynchronisedClock: clock.correct()
        case .clockDrift:
            // Slewed back as slowly as it went, where the machine has not been started anew since.
            if deployment.life(of: active.region) == active.life {
                clock.setDrift(partsPerMillion: -active.partsPerMillion)
                try await self.clock.sleep(for: self.clock.bootTime().since(active.begun))
            }
            clock.correct()
        }
    }

    /// A machine's clock is right when it starts; now and then the start itself is what dies.
    private mutating func startAgain(_ region: Int) async throws {
        guard !deployment.machine(region).isUp else { return }
        deployment.machine(region).clock.correct()
        deployment.start(region)
        guard generator.next() % 4 == 0 else { return }
        try await clock.sleep(for: .microseconds(Int64(generator.next() % 20_000)))
        deployment.machine(region).crash()
        ledger.saw(.crashDuringStart)
        deployment.start(region)
    }
}
