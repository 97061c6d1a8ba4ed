// What is said of a start in a directory that holds nothing.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct FirstStartTests {
    private let files = SimulatedFileStore()

    private static func configuration(peers: Int) throws -> NodeConfiguration {
        let yaml = """
            deployment: {id: shop, partitions: 1}
            region: {name: aws-us, number: 1}
            node: {name: n1}
            log: {directory: journal}

            """
        var configuration = try NodeConfiguration(yaml: yaml, file: "node.yaml")
        configuration.peers = (0..<peers).map { peer in
            .init(region: "peer-\(peer)", number: RegionNumber(UInt16(peer + 2)), endpoints: [])
        }
        return configuration
    }

    /// A disk that is not mounted was taken for a first start in silence.
    @Test func amongPeersAnEmptyDirectoryIsSaidToBeSuspicious() throws {
        let configuration = try Self.configuration(peers: 2)
        let absent = try #require(try FirstStart.look(configuration, files: files))
        #expect(absent.isSuspicious)
        for words in ["journal is not there", "peer-0, peer-1", "not mounted"] {
            #expect("\(absent)".contains(words), "\(absent)")
        }
        #expect(!files.exists("journal"))
        try files.createDirectory("journal")
        let empty = try #require(try FirstStart.look(configuration, files: files))
        #expect(empty.isSuspicious && "\(empty)".contains("journal is empty"), "\(empty)")
    }

    @Test func aRegionAloneIsNotSuspected() throws {
        let first = try #require(try FirstStart.look(try Self.configuration(peers: 0), files: files))
        #expect(!first.isSuspicious && "\(first)" == "first start: journal is not there and is made")
    }

    /// A check passed where the start was refused for its rights or for the disk's room.
    @Test func whatRefusesAStartIsSaidBefore() throws {
        let configuration = try Self.configuration(peers: 0)
        for isThere in [false, true] {
            if isThere { try files.createDirectory("journal") }
            var limited = LimitedFiles(base: files, refused: isThere ? "journal" : ".")
            #expect { try FirstStart.look(configuration, files: limited) } throws: { error in
                "\(error)".contains("permissions keep this process out")
            }
            (limited.refused, limited.room) = (nil, 1 << 10)
            #expect { try FirstStart.look(configuration, files: limited) } throws: { error in
                "\(error)".contains("has 1024 bytes free")
            }
            limited.room = .max
            #expect(try FirstStart.look(configuration, files: limited) != nil)
        }
        #expect(try files.list("journal").isEmpty)
    }

    @Test func nothingIsSaidOfADirectoryThatIsTheNodesAlready() throws {
        let configuration = try Self.configuration(peers: 1)
        try DirectoryClaim.take("journal", for: configuration.directoryIdentity, needing: 0, files: files).release()
        #expect(try FirstStart.look(configuration, files: files) == nil)
        var other = configuration
        other.deployment.id = "mall"
        #expect { try FirstStart.look(other, files: files) } throws: { error in
            "\(error)".contains("deployment.id shop here, mall in the configuration")
        }
    }
}

/// A disk with so much room, on which one path may not be written.
private struct LimitedFiles: ForwardingFileStore {
    let base: any FileStore
    var refused: String?
    var room = UInt64.max

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile { try base.open(path, mode) }

    func availableBytes(at path: String) throws(FileError) -> UInt64 { room }

    func checkWritable(_ path: String) throws(FileError) {
        guard path != refused else { throw FileError(.permissionDenied, operation: "access", path: path) }
    }
}
