// Seals on the disk (S1a): they outlive the process, and a damaged file is no file.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import RegionMirror

@Suite struct SealFileTests {
    func book(_ seals: [(UInt16, UInt64)]) -> SealBook {
        var book = SealBook()
        for (origin, incarnation) in seals { _ = book.seal(RegionNumber(origin), below: Incarnation(incarnation)) }
        return book
    }

    @Test func aBookHasTheseBytes() {
        let bytes = book([(3, 7), (1, 9)]).encoded
        #expect(Array(bytes.prefix(4)) == Array("MRSL".utf8))
        let body: [UInt8] = [1, 0, 2, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 3, 0, 7, 0, 0, 0, 0, 0, 0, 0]
        #expect(Array(bytes.dropFirst(8)) == body)
        #expect(SealBook(decoding: bytes) == book([(3, 7), (1, 9)]))
    }

    @Test("every flipped bit and every cut is noticed")
    func refusesDamage() {
        let bytes = book([(3, 7), (1, 9)]).encoded
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(SealBook(decoding: damaged) == nil, "bit \(bit)")
        }
        for length in 0..<bytes.count { #expect(SealBook(decoding: Array(bytes.prefix(length))) == nil) }
        #expect(SealBook(decoding: bytes + [0]) == nil)
    }

    @Test("origins are bounded")
    func isBounded() {
        let full = book((0..<UInt16(SealBook.maxOrigins)).map { ($0, 1) })
        var more = full
        let isTaken = more.seal(RegionNumber(60_000), below: Incarnation(1))
        let isRaised = more.seal(RegionNumber(0), below: Incarnation(2))
        #expect(!isTaken && isRaised)
        #expect(SealBook(decoding: full.encoded) == full)
    }

    @Test("S1a: a seal survives a power cut right after it was given")
    func survivesPowerLoss() throws {
        var generator = SeededGenerator(seed: 5)
        let files = SimulatedFileStore()
        try files.createDirectory("node")
        let file = SealFile(directory: "node", files: files)
        #expect(try file.load() == SealBook())
        for incarnation in UInt64(1)...20 {
            try file.save(book([(1, incarnation)]))
            files.crash(using: &generator)
            #expect(try SealFile(directory: "node", files: files).load() == book([(1, incarnation)]))
        }
    }

    @Test("S1a: power may go at any operation: the old promises stand, or the new ones")
    func isReplacedAsAWhole() throws {
        for cut in 0..<14 {
            let simulation = Simulation(seed: UInt64(cut))
            let machine = simulation.machine("member")
            let first = book([(1, 4)])
            let second = book([(1, 8), (2, 3)])
            machine.start { environment in
                try environment.files.createDirectory("node")
                let file = SealFile(directory: "node", files: environment.files)
                try file.save(first)
                machine.cutPower(afterFileOperations: cut)
                try file.save(second)
            }
            simulation.run(for: .seconds(1))
            machine.restart()
            let loaded = try SealFile(directory: "node", files: machine.environment.files).load()
            #expect(loaded == first || loaded == second, "cut \(cut)")
        }
    }

    @Test("S1a: a file that cannot be read is not taken for no promise")
    func refusesADamagedFile() throws {
        let files = SimulatedFileStore()
        try files.createDirectory("node")
        let seals = SealFile(directory: "node", files: files)
        try seals.save(book([(1, 4)]))
        try files.damage("node/seals-0000000000000002.book", at: 14)
        #expect(try seals.load() == book([(1, 4)]))
        for path in files.paths() { try files.damage(path, at: 14) }
        let error = #expect(throws: MirrorError.self) { try seals.load() }
        #expect(error?.code == .sealsUnreadable)
    }
}

extension SimulatedFileStore {
    fileprivate func damage(_ path: String, at position: UInt64) throws {
        let file = try open(path, .readWrite)
        try file.write([255], at: position)
    }
}
