// S8: of every replaced file the newest two generations that verify are kept.

import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@Suite struct GenerationFileTests {
    private let files = SimulatedFileStore()
    private var file: GenerationFile {
        GenerationFile("state", suffix: ".file", in: "data", maxBytes: 64, files: files)
    }

    /// Content n is n bytes of n: what was damaged is neither.
    private static func bytes(_ content: UInt8) -> [UInt8] { [UInt8](repeating: content, count: Int(content)) }

    private static func content(_ bytes: [UInt8]) throws -> UInt8 {
        guard let first = bytes.first, bytes == Self.bytes(first) else { throw UnverifiedContent("no content") }
        return first
    }

    @discardableResult
    private func save(_ content: UInt8) throws -> [UInt8] {
        try file.save(Self.bytes(content), verify: Self.content).map(\.value)
    }

    private func damage(_ generation: UInt64) {
        files.flipBit(of: file.path(FileGeneration(generation)), byte: 0, bit: 7)
    }

    private var newest: UInt8? {
        get throws { try file.load(verify: Self.content).newest?.value }
    }

    private var generations: [UInt64] {
        get throws { file.name.generations(among: try files.list("data")).map(\.rawValue) }
    }

    @Test func theNewestTwoAreKept() throws {
        #expect(try file.load(verify: Self.content).isAbsent)
        #expect(try save(1) == [1])
        #expect(try save(2) == [1, 2])
        #expect(try save(3) == [2, 3])
        #expect(try generations == [2, 3])
        #expect(try newest == 3)
    }

    @Test("FAULTS 3.12: a damaged one pushes no good one out, and counts for nothing")
    func aGoodOneStaysUntilNewerOnesVerify() throws {
        for content in 1...2 as ClosedRange<UInt8> { try save(content) }
        damage(2)
        #expect(try newest == 1)
        #expect(try save(3) == [1, 3])
        #expect(try newest == 3)
        damage(3)
        // Both that were newer are damaged: the good one is still there.
        #expect(try newest == 1)
        #expect(try save(4) == [1, 4])
        #expect(try save(5) == [4, 5])
        #expect(try generations == [4, 5])
    }

    @Test func damagedOnesDoNotPileUp() throws {
        for content in 1...20 as ClosedRange<UInt8> {
            #expect(try save(content).last == content)
            damage(UInt64(content))
        }
        // The new one, and those that stay for whoever looks into it.
        #expect(try generations.count <= 1 + GenerationChoice.damagedKept)
    }

    @Test func whatDoesNotVerifyIsNotWritten() throws {
        try save(1)
        #expect {
            try file.save([9, 9], verify: Self.content)
        } throws: {
            ($0 as? FileError)?.operation.hasPrefix("verify") == true
        }
        #expect(throws: FileError.self) { try file.save([UInt8](repeating: 65, count: 65), verify: Self.content) }
        #expect(try newest == 1)
        #expect(try generations == [1])
        #expect(try files.list("data") == [file.name.name(FileGeneration(1))])
    }

    @Test func whatIsPutAsideNeverServes() throws {
        for content in 1...2 as ClosedRange<UInt8> { try save(content) }
        try file.setAside(FileGeneration(2))
        #expect(try newest == 1)
        #expect(try save(3) == [1, 3])
        #expect(try generations == [1, 3])
        #expect(try save(4) == [3, 4])
        let names = try files.list("data")
        #expect(names == [3, 4].map { file.name.name(FileGeneration($0)) })
    }

    /// Neither length, nor numbers at the end of their range, nor names that only look like one are believed.
    @Test func otherFilesAreNoGenerations() throws {
        let name = file.name
        for other in [
            "state.file", "state-1.file", "state-0000000000000001.file.new", "state-000000000000000A.file",
            "state-ffffffffffffffff.file", "states-0000000000000001.file", "state-0000000000000001.filex",
        ] {
            #expect(name.generation(of: other) == nil, "\(other)")
        }
        #expect(GenerationName.stem(of: "p0001-00000000000000ff.file", suffix: ".file") == "p0001")
        #expect(GenerationName.stem(of: "-00000000000000ff.file", suffix: ".file") == nil)
        try save(1)
        let long = try files.open(file.path(FileGeneration(2)), .createNew)
        try long.write([UInt8](repeating: 1, count: 65), at: 0)
        let loaded = try file.load(verify: Self.content)
        #expect(loaded.newest?.value == 1 && loaded.refused.count == 1)
        let last = try files.open(file.path(FileGeneration(.max - 1)), .createNew)
        try last.write([1], at: 0)
        // There is no number after it: refused, and nothing is lost.
        #expect(throws: FileError.self) { try save(2) }
        #expect(try newest == 1)
    }

    @Test("what cannot be read now is not removed for it, and not taken for nothing")
    func unreadable() throws {
        let closed = ClosedFiles(files)
        let file = GenerationFile("state", suffix: ".file", in: "data", maxBytes: 64, files: closed)
        for content in 1...2 as ClosedRange<UInt8> { try save(content) }
        closed.path = file.path(FileGeneration(2))
        let loaded = try file.load(verify: Self.content)
        #expect(loaded.newest?.value == 1 && loaded.refused.count == 1)
        #expect(try file.save(Self.bytes(3), verify: Self.content).map(\.value) == [1, 3])
        #expect(try generations == [1, 2, 3])
    }

    @Test("both copies have one content: damage of either changes nothing, and a start mends it")
    func copies() throws {
        let copies = GenerationCopies(file)
        try copies.save(Self.bytes(7)) { _ = try Self.content($0) }
        try copies.save(Self.bytes(8)) { _ = try Self.content($0) }
        damage(4)
        #expect(try copies.read(Self.content).newest?.value == 8)
        #expect(try copies.load(Self.content).newest?.value == 8)
        let found = try generations
        #expect(found.count >= 2)
        damage(try #require(found.last))
        #expect(try copies.read(Self.content).newest?.value == 8)
    }

    @Test("a crash between the copies: the new content is written twice before it is relied on")
    func betweenCopies() throws {
        let copies = GenerationCopies(file)
        try copies.save(Self.bytes(7)) { _ = try Self.content($0) }
        // The first copy of the next content, and a crash.
        try save(8)
        #expect(try copies.load(Self.content).newest?.value == 8)
        damage(try #require(try generations.last))
        #expect(try copies.read(Self.content).newest?.value == 8)
    }

    @Test("a damaged copy is told once, whichever it is, and never by who changes nothing")
    func damageIsTold() throws {
        let heard = Mutex<[String]>([])
        let damage = FileDamage { what in heard.withLock { $0.append(what) } }
        let copies = GenerationCopies(
            GenerationFile(
                "state", suffix: ".file", in: "data", maxBytes: 64, files: WatchedFiles(base: files, damage: damage)))
        for content in 7...8 as ClosedRange<UInt8> { try copies.save(Self.bytes(content)) { _ = try Self.content($0) } }
        for place in 0...1 {
            let pair = Array(try generations.suffix(2))
            let wrong = file.path(FileGeneration(pair[place]))
            files.flipBit(of: wrong, byte: 0, bit: 7)
            _ = try copies.read(Self.content)
            #expect(damage.count == UInt64(place))
            for _ in 0..<2 { #expect(try copies.load(Self.content).newest?.value == 8) }
            #expect(damage.count == UInt64(place + 1))
            #expect(heard.withLock { $0.last }?.hasPrefix(wrong) == true)
        }
    }
}

/// Somebody hears of damage.
private struct WatchedFiles: ForwardingFileStore {
    let base: any FileStore
    let damage: FileDamage?

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile { try base.open(path, mode) }
}

/// One path cannot be opened.
private final class ClosedFiles: ForwardingFileStore {
    let base: any FileStore
    private let closed = Mutex("")

    init(_ base: any FileStore) { self.base = base }

    var path: String {
        get { closed.withLock(\.self) }
        set { closed.withLock { $0 = newValue } }
    }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        if path == self.path {
            throw FileError(.tooManyOpenFiles, operation: "open", path: path, systemError: 24)
        }
        return try base.open(path, mode)
    }
}
