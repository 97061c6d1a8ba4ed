// Whose a data directory is: written before anything else, compared before anything is changed (S3).

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import EventLog

@Suite struct DirectoryClaimTests {
    private let files = SimulatedFileStore()

    private static func identity(
        deployment: String = "shop", region: UInt16 = 1, name: String = "aws-us", partitions: Int = 64
    ) throws -> DirectoryIdentity {
        DirectoryIdentity(
            deployment: deployment, region: RegionNumber(region), regionName: name,
            partitions: try #require(PartitionCount(partitions)))
    }

    private func take(_ identity: DirectoryIdentity, needing: UInt64 = 1 << 20) throws -> DirectoryClaim {
        try DirectoryClaim.take("data", for: identity, needing: needing, files: files)
    }

    private func put(_ name: String, _ bytes: [UInt8] = [1]) throws {
        let file = try files.open("data/\(name)", .createOrReplace)
        try file.write(bytes, at: 0)
        try file.synchronizeData()
        try files.syncDirectory("data")
    }

    /// Every file with its bytes.
    private var contents: [String: [UInt8]] {
        get throws {
            var contents: [String: [UInt8]] = [:]
            for path in files.paths() { contents[path] = try files.open(path, .read).read(at: 0, count: 1 << 20) }
            return contents
        }
    }

    /// Refused with this code; nothing was changed, and nothing is locked.
    private func expectRefusal(
        _ code: DirectoryRefusal.Code, naming words: [String] = [], _ identity: DirectoryIdentity? = nil,
        needing: UInt64 = 1 << 20
    ) throws {
        let before = try contents
        let asked = try identity ?? Self.identity()
        let refusal = #expect(throws: DirectoryRefusal.self) { try take(asked, needing: needing) }
        #expect(refusal?.code == code)
        #expect(refusal?.nextStep.isEmpty == false)
        for word in words { #expect(refusal?.message.contains(word) == true, "\(refusal?.message ?? ""): \(word)") }
        #expect(try contents == before)
        if files.exists("data") { try files.lockExclusively("data/lock").release() }
    }

    @Test func anIdentityHasTheseBytes() throws {
        let identity = try Self.identity()
        let bytes = identity.encode()
        #expect(Array(bytes.prefix(4)) == Array("MRDD".utf8))
        #expect(Array(bytes[8..<18]) == [1, 0, 0, 0, 64, 0, 0, 0, 1, 0])
        #expect(Array(bytes.dropFirst(18)) == [4] + Array("shop".utf8) + [6] + Array("aws-us".utf8))
        #expect(try DirectoryIdentity(decoding: bytes) == identity)
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: IdentityFailure.self, "bit \(bit)") { try DirectoryIdentity(decoding: damaged) }
        }
        for length in bytes.indices {
            #expect(throws: IdentityFailure.self) { try DirectoryIdentity(decoding: Array(bytes.prefix(length))) }
        }
    }

    @Test func aFirstStartWritesItBeforeAnythingElse() throws {
        let claim = try take(Self.identity())
        #expect(claim.isNew)
        #expect(try DirectorySurvey("data", files: files).identity() == Self.identity())
        let made = files.paths().filter { $0 != "data/lock" }
        #expect(made.allSatisfy { $0.hasPrefix("data/identity-") } && made.count == 2)
        claim.release()
        #expect(try !take(Self.identity()).isNew)
    }

    @Test("A4: another deployment, region, name or number of partitions refuses the start and names both values")
    func anotherIdentityIsRefused() throws {
        try take(Self.identity()).release()
        let cases: [(DirectoryIdentity, [String])] = [
            (try Self.identity(partitions: 128), ["deployment.partitions 64 here, 128"]),
            (try Self.identity(deployment: "other"), ["deployment.id shop here, other"]),
            (try Self.identity(region: 2), ["region.number 1 here, 2"]),
            (try Self.identity(name: "gcp-eu"), ["region.name aws-us here, gcp-eu"]),
            (
                try Self.identity(region: 7, name: "x", partitions: 1),
                ["region.number 1 here, 7", "region.name aws-us here, x", "deployment.partitions 64 here, 1"]
            ),
        ]
        for (identity, words) in cases { try expectRefusal(.otherIdentity, naming: words, identity) }
        try take(Self.identity()).release()
    }

    @Test("A4: a journal without identity is refused with advice; so is what is not ours")
    func withoutIdentity() throws {
        try files.createDirectory("data")
        try put("0000000000000001.segment")
        try expectRefusal(.withoutIdentity, naming: ["data"])
        try files.remove("data/0000000000000001.segment")
        try put("marks")
        try expectRefusal(.withoutIdentity)
        try files.remove("data/marks")
        try put("holiday.jpg")
        try expectRefusal(.foreign, naming: ["holiday.jpg"])
        try files.remove("data/holiday.jpg")
        // What a file system makes, and what a start that was cut off leaves.
        for name in ["lost+found", ".snapshot", "lock", "identity.new"] { try put(name) }
        #expect(try take(Self.identity()).isNew)
        #expect(!files.exists("data/identity.new"))
    }

    @Test("a newer format is refused by name, even where one copy alone has it")
    func newerFormat() throws {
        try take(Self.identity()).release()
        var bytes = try Self.identity().encode()
        bytes[8] = 2
        var writer = ByteWriter(reservingCapacity: 64)
        for byte in bytes { writer.write(byte) }
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        try put("identity-0000000000000003.directory", writer.bytes)
        try expectRefusal(.otherFormat, naming: ["format 2", "reads format 1"])
        #expect(throws: DirectoryRefusal.self) { try DirectorySurvey("data", files: files).identity() }
    }

    @Test("FAULTS 3.12: one damaged copy is mended at a start; without both the start is refused")
    func damagedCopies() throws {
        for copy in 0...1 {
            try take(Self.identity()).release()
            let paths = files.paths().filter { $0.hasPrefix("data/identity-") }
            try #require(paths.count == 2)
            files.flipBit(of: paths[copy], byte: 20, bit: 1)
        }
        try take(Self.identity()).release()
        for path in files.paths() where path.hasPrefix("data/identity-") { files.flipBit(of: path, byte: 20, bit: 1) }
        try expectRefusal(.damagedIdentity)
    }

    @Test("FAULTS 3.3: a deleted, full, read-only or used directory is refused before anything is changed")
    func unusableDirectories() throws {
        let refusal = #expect(throws: DirectoryRefusal.self) {
            try DirectoryClaim.take("gone/data", for: try Self.identity(), needing: 1, files: files)
        }
        #expect(refusal?.code == .missing && refusal?.message.contains("gone") == true)
        var faults = DiskFaults()
        faults.freeBytes = 1_000
        files.setFaults(faults)
        try expectRefusal(.full, naming: ["1000", "1048576"])
        #expect(!files.exists("data"))
        files.setFaults(DiskFaults())
        let claim = try take(Self.identity())
        let inUse = #expect(throws: DirectoryRefusal.self) { try take(Self.identity()) }
        #expect(inUse?.code == .inUse)
        claim.release()
        let readOnly = ReadOnlyFiles(files)
        let refused = #expect(throws: DirectoryRefusal.self) {
            try DirectoryClaim.take("data", for: try Self.identity(), needing: 1, files: readOnly)
        }
        #expect(refused?.code == .readOnly)
        // Whose it is can be read there all the same, and is compared first.
        let other = #expect(throws: DirectoryRefusal.self) {
            try DirectoryClaim.take("data", for: try Self.identity(partitions: 1), needing: 1, files: readOnly)
        }
        #expect(other?.code == .otherIdentity)
    }

    @Test("a directory or file of another user is called so: whose it is, who we are, and how to make them one")
    func anotherUsersDirectory() throws {
        try take(Self.identity()).release()
        let asked = try Self.identity()
        for (denied, owner) in [("data", "alice"), ("data/identity-", "alice"), ("data/lock", "0")] {
            let closed = ClosedFiles(files, denied: denied, FileOwner(owner: owner, process: "bob"))
            let refusal = #expect(throws: DirectoryRefusal.self) {
                try DirectoryClaim.take("data", for: asked, needing: 1, files: closed)
            }
            #expect(refusal?.code == .otherOwner, "\(denied): \(String(describing: refusal))")
            #expect(refusal?.message.contains("belongs to user \(owner), and this process runs as bob") == true)
            #expect(refusal?.nextStep == "run it as \(owner), or let bob have the directory: chown -R bob data")
        }
        for owner in [FileOwner(owner: "bob", process: "bob"), nil] {
            let closed = ClosedFiles(files, denied: "data/identity-", owner)
            let refusal = #expect(throws: DirectoryRefusal.self) {
                try DirectoryClaim.take("data", for: asked, needing: 1, files: closed)
            }
            #expect(refusal?.code == .noPermission, "\(String(describing: refusal))")
            #expect(refusal?.nextStep.contains("chown") == false)
        }
        // Bytes that are wrong are damage all the same.
        for path in files.paths() where path.hasPrefix("data/identity-") { files.flipBit(of: path, byte: 20, bit: 1) }
        try expectRefusal(.damagedIdentity)
    }
}

/// Files of which this process may not open those with a prefix, nor list a directory of that name.
private final class ClosedFiles: ForwardingFileStore {
    let base: any FileStore
    private let denied: String
    private let facts: FileOwner?

    init(_ base: any FileStore, denied: String, _ facts: FileOwner?) {
        (self.base, self.denied, self.facts) = (base, denied, facts)
    }

    private func check(_ operation: String, _ path: String) throws(FileError) {
        guard path.hasPrefix(denied) else { return }
        throw FileError(.permissionDenied, operation: operation, path: path, systemError: 13)
    }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        try check("open", path)
        return try base.open(path, mode)
    }

    func list(_ directory: String) throws(FileError) -> [String] {
        try check("opendir", directory)
        return try base.list(directory)
    }

    func lockExclusively(_ path: String) throws(FileError) -> any FileLock {
        try check("open", path)
        return try base.lockExclusively(path)
    }

    func owner(of path: String) -> FileOwner? { facts }
}
