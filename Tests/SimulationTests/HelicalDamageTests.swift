// Bits flip at different places on every replica of a deployment that serves (FAULTS 5-8).

import ClusterModel
import EventLog
import MeridianSimulation
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment
import Testing

/// Whole nodes; at the end of each scenario all regions show one digest, and everything acknowledged is there (S6, S10, S11).
@Suite struct HelicalDamageTests {
    /// Bytes that a segment has before zeros begin.
    private static func written(_ path: String, of region: Int, in regions: RegionScript) throws -> Int {
        let file = try regions.machine(region).disk.open(path, .read)
        defer { file.close() }
        return (try file.read(at: 0, count: Int(try file.length())).lastIndex { $0 != 0 } ?? -1) + 1
    }

    private static func segments(_ region: Int, in regions: RegionScript) -> [String] {
        regions.machine(region).disk.paths().filter { $0.hasSuffix(".segment") }
    }

    private static func content(_ path: String, of region: Int, in regions: RegionScript) throws -> [UInt8] {
        let file = try regions.machine(region).disk.open(path, .read)
        defer { file.close() }
        return try file.read(at: 0, count: Int(try file.length()))
    }

    /// Events through all regions, then a start of each, so that what was written is in sealed segments.
    private static func live(_ regions: RegionScript, count: Int) async throws {
        for number in 0..<24 {
            let outcome = await regions.report(
                regions.makeEvent(of: "c\(number % 5)"), of: "u\(number % 7)", through: number % count)
            #expect(outcome.token != nil)
        }
        #expect(await regions.converge())
        for region in 0..<count {
            regions.crash(region)
            regions.start(region)
            #expect(await regions.converge())
        }
    }

    @Test(
        "FAULTS 7: what each replica lost is healed from the other while both serve, byte for byte",
        arguments: [1, 2, 3] as [UInt64])
    func everyReplicaElsewhere(seed: UInt64) throws {
        let report = try RegionScript.run(regions: 2, seed: seed) { regions in
            try await Self.live(regions, count: 2)
            var generator = SeededGenerator(seed: seed)
            var sound: [(region: Int, path: String, bytes: [UInt8])] = []
            for region in 0..<2 {
                // The newest one is in use: it is not scrubbed before the next one is begun.
                for path in Self.segments(region, in: regions).dropLast() {
                    let end = try Self.written(path, of: region, in: regions)
                    guard end > 4_096 else { continue }
                    sound.append((region, path, try Self.content(path, of: region, in: regions)))
                    // One half here, the other half there.
                    let byte = (region * end + Int(generator.next() % UInt64(end))) / 2
                    regions.machine(region).disk.flipBit(of: path, byte: byte, bit: byte % 8)
                }
            }
            #expect(Set(sound.map(\.region)) == [0, 1])
            for item in sound {
                #expect(try Self.content(item.path, of: item.region, in: regions) != item.bytes)
            }
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0).token != nil)
            try await regions.sleep(.seconds(90))
            for item in sound {
                #expect(
                    try Self.content(item.path, of: item.region, in: regions) == item.bytes,
                    "seed \(seed), region \(item.region), \(item.path)")
            }
            for region in 0..<2 { #expect(regions.outcome(region) == nil) }
        }
        #expect(report.violations.isEmpty, "seed \(seed): \(report.violations.map(\.description))")
    }
}
