// Random lives of three regions: writes, retries, partial mirroring, restarts on the same, on an older and on an empty
// disk, seals and agreements in any order (S1, S1a). The abstract model of HISTORIES, over real shards.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

/// A disk with the seals that stand on it.
struct SealedDisk {
    var engine = MemoryEngine()
    /// By origin the incarnation below which nothing is extended before its end is agreed.
    var seals: [RegionNumber: Incarnation] = [:]

    func copy() -> SealedDisk { SealedDisk(engine: engine.copy(), seals: seals) }
}

/// An origin's collection of seals, for one incarnation of its.
private struct Agreement {
    var seals: [RegionNumber: MemberSeal] = [:]
    var collected: AgreedEnds?
}

struct RandomLineages {
    static let members: [UInt16] = [1, 2, 3]

    let loop = QueueLoop()
    private var random: SeededGenerator
    private(set) var regions: [TestRegion] = []
    private var disks: [SealedDisk] = []
    private var oldDisks: [[SealedDisk]] = [[], [], []]
    private var agreements: [Agreement] = []
    private(set) var events: [SubmittedEvent] = []
    /// What happened, for the message of a failure.
    private(set) var steps: [String] = []

    init(seed: UInt64) async throws {
        random = SeededGenerator(seed: seed)
        for number in Self.members {
            let disk = SealedDisk()
            disks.append(disk)
            agreements.append(Agreement())
            regions.append(try await TestRegion(number, of: Self.members, disk: disk.engine, loop: loop))
        }
    }

    private mutating func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

    mutating func step() async throws {
        let (one, other) = (pick(3), pick(3))
        switch pick(20) {
        case 0...4:
            let event = regions[one].click("e\(events.count)", client: UInt64(events.count + 1))
            events.append(event)
            regions[one].send([event])
            steps.append("\(one) takes e\(events.count - 1)")
        case 5...6:
            guard let event = events.last else { return }
            regions[one].send([event])
            steps.append("\(one) takes e\(events.count - 1) again")
        case 7...11:
            try mirror(from: other, to: one, batches: pick(3) + 1)
            steps.append("\(one) pulls from \(other)")
        case 12...13:
            seal(one, for: other)
            steps.append("\(one) seals for \(other)")
        case 14:
            try collect(one)
            steps.append("\(one) collects")
        case 15:
            oldDisks[one].append(disks[one].copy())
            steps.append("copy of \(one)")
        case 16...17: try await restart(one)
        case 18:
            loop.advance(by: .seconds(620))
            steps.append("time passes")
        default:
            regions[one].markTime()
            steps.append("mark of \(one)")
        }
    }

    private mutating func restart(_ place: Int) async throws {
        switch pick(4) {
        case 0: disks[place] = SealedDisk()
        case 1 where !oldDisks[place].isEmpty: disks[place] = oldDisks[place][pick(oldDisks[place].count)].copy()
        default: disks[place] = disks[place].copy()
        }
        steps.append("\(place) starts with \(disks[place].engine.logs().count) logs")
        agreements[place] = Agreement()
        regions[place] = try await TestRegion(
            Self.members[place], of: Self.members, disk: disks[place].engine, loop: loop)
    }

    // MARK: Mirrors

    /// Facts that a member knows of a log.
    private func facts(_ place: Int, _ name: LogName) -> AgreedEnds? {
        regions[place].toldEnds.last { $0.name == name }
    }

    /// Handshake, then a few batches a log, within ends and seals.
    private mutating func mirror(from holder: Int, to follower: Int, batches count: Int) throws {
        guard holder != follower else { return }
        regions[follower].hear(regions[holder].toldEnds)
        for log in disks[holder].engine.logs().map(\.log)
        where log.name.topic == .userEvents && log.incarnation != regions[follower].plan.incarnation {
            let served = facts(holder, log.name)?.end(of: log) ?? Offset(.max)
            let limit = min(served, limit(follower, log))
            var left = count
            for batch in disks[holder].engine.batches(of: log)
            where batch.header.baseOffset >= disks[follower].engine.flushedEnd(of: log) {
                guard left > 0, batch.endOffset <= limit else { break }
                try disks[follower].engine.submit(batch)
                left -= 1
            }
            if disks[follower].engine.flushedEnd(of: log) > .zero { regions[follower].router.logAppeared(log) }
        }
    }

    /// Up to where a member may extend its copy of a log.
    private func limit(_ place: Int, _ log: LogIdentity) -> Offset {
        if let end = facts(place, log.name)?.end(of: log) { return end }
        if log.name.region == regions[place].number, let end = agreements[place].collected?.end(of: log) { return end }
        if let seal = disks[place].seals[log.name.region], log.incarnation < seal { return .zero }
        return Offset(.max)
    }

    // MARK: Agreement

    private mutating func seal(_ member: Int, for origin: Int) {
        let (number, incarnation) = (regions[origin].number, regions[origin].plan.incarnation)
        let name = regions[origin].log.name
        guard agreements[origin].collected == nil, agreements[origin].seals[regions[member].number] == nil else {
            return
        }
        disks[member].seals[number] = max(disks[member].seals[number] ?? incarnation, incarnation)
        agreements[origin].seals[regions[member].number] = regions[member].seal(of: name)
    }

    private mutating func collect(_ origin: Int) throws {
        let agreement = agreements[origin]
        guard agreement.collected == nil, agreement.seals.count == Self.members.count else { return }
        let (name, incarnation) = (regions[origin].log.name, regions[origin].plan.incarnation)
        let ends = MemberSeal.ends(of: Array(agreement.seals.values), for: name, below: incarnation)
        let record = try #require(ends)
        let agreed = try #require(AgreedEnds(name: name, writer: incarnation, ends: record))
        agreements[origin].collected = agreed
        regions[origin].router.agree(name, agreed.ends)
    }

    /// Everything heals: all pull everything from all, and every origin agrees. Seals that stood on a disk which is gone
    /// by now may name what nobody has any more: the collector asks again.
    mutating func settle() throws {
        for round in 0..<18 {
            for one in 0..<3 {
                if round % 6 == 5,
                    !regions[one].lines.hasApplied(
                        endsOf: regions[one].plan.incarnation, in: regions[one].number)
                {
                    agreements[one] = Agreement()
                }
                for other in 0..<3 {
                    seal(other, for: one)
                    try mirror(from: other, to: one, batches: .max)
                }
                try collect(one)
            }
        }
    }
}

@Suite struct RandomLineageTests {
    private static let seeds: ClosedRange<UInt64> = 1...60

    /// S1a, S5, S10: whatever disks were lost, copied and put back, the replicas end up equal, equal to the fold of their
    /// logs, and no event counts twice.
    @Test(arguments: seeds) func replicasConverge(seed: UInt64) async throws {
        var world = try await RandomLineages(seed: seed)
        for _ in 0..<80 { try await world.step() }
        try world.settle()
        let story = "seed \(seed): \(world.steps.joined(separator: "; "))"
        let first = world.regions[0]
        for region in world.regions {
            #expect(region.facts.stopped.isEmpty && !region.isRebuilding, "\(story)")
            #expect(region.facts.held.isEmpty && region.report.vector.entries.count == 3, "\(story)")
            #expect(region.report.vector == first.report.vector, "\(story)")
            #expect(region.report.digest == first.report.digest, "\(story)")
            #expect(try region.refoldedDigest(RandomLineages.members) == region.report.digest, "\(story)")
        }
        for place in world.events.indices { #expect(first.clicks(on: "e\(place)") <= 1, "e\(place): \(story)") }
    }
}
