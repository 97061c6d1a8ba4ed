// FAULTS 1.17: whatever happens at whichever call while a file is replaced, the old content stands or the new one.

import NodeEnvironment
import SimulatedEnvironment
import Testing

@Suite struct GenerationCrashTests {
    private static func verified(_ bytes: [UInt8]) throws -> [UInt8] {
        guard bytes.count == 2_000, Set(bytes).count == 1 else { throw UnverifiedContent("torn") }
        return bytes
    }

    private static func content(_ value: UInt8) -> [UInt8] { [UInt8](repeating: value, count: 2_000) }

    private static func file(_ files: any FileStore) -> GenerationFile {
        GenerationFile("state", suffix: ".file", in: "data", maxBytes: 4_096, files: files)
    }

    /// Both ways of keeping: `copies` writes each content twice.
    private static func save(_ value: UInt8, copies: Bool, _ files: any FileStore) throws {
        if copies {
            try GenerationCopies(file(files)).save(content(value)) { _ = try verified($0) }
        } else {
            _ = try file(files).save(content(value), verify: verified)
        }
    }

    @Test(
        "a crash or a fault at every call leaves the old content or the new one, never none", arguments: [false, true])
    func everyCall(copies: Bool) throws {
        for kind in CrashKind.allCases {
            var point = 0
            while true {
                let disk = SimulatedFileStore()
                for value in 1...2 as ClosedRange<UInt8> { try Self.save(value, copies: copies, disk) }
                let crash = CrashPoint(disk, at: point, kind, seed: UInt64(point))
                var isSaved = false
                do {
                    try Self.save(3, copies: copies, crash)
                    isSaved = true
                } catch {
                    #expect(crash.isSpent, "\(kind) at \(point): \(error)")
                }
                guard crash.isSpent else { break }
                let found = try Self.file(disk).load(verify: Self.verified).newest?.value
                let wanted: [[UInt8]] = isSaved ? [Self.content(3)] : [Self.content(2), Self.content(3)]
                #expect(found.map { wanted.contains($0) } == true, "\(kind) at \(point): \(found?.first ?? 0)")
                // The next save goes through, whatever was left behind, and leaves two that verify and nothing else.
                for value in 4...5 as ClosedRange<UInt8> { try Self.save(value, copies: copies, disk) }
                #expect(try Self.file(disk).load(verify: Self.verified).newest?.value == Self.content(5))
                #expect(disk.paths().count == GenerationChoice.kept, "\(kind) at \(point): \(disk.paths())")
                point += 1
            }
            #expect(point > 8)
        }
    }
}
