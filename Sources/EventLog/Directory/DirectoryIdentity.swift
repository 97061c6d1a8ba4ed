// Whose a data directory is: the file "identity-GGGGGGGGGGGGGGGG.directory", in two copies, written at the first start before
// anything else (S3). A configuration that says otherwise refuses the start.
//
// | bytes | field                                                                                       |
// |-------|---------------------------------------------------------------------------------------------|
// | 0-3   | magic "MRDD"                                                                                |
// | 4-7   | CRC32C over bytes 8 to the end                                                              |
// | 8-11  | format of the directory, 1; what follows is as that format says                             |
// | 12-15 | partitions                                                                                  |
// | 16-17 | region number                                                                               |
// | 18-   | deployment id, region name (LEB128 length, UTF-8, at most 255 bytes each)                   |
//
// The first twelve bytes are the same in every format, so that an older version can name a newer one.

package import ClusterModel
package import NodeEnvironment

/// What a data directory was made for. Never changes in the life of the directory.
package struct DirectoryIdentity: Hashable, Sendable {
    /// The format of directories that this version writes, and the only one that it reads.
    package static let format: UInt32 = 1
    /// Of the file.
    package static let maxBytes = 1_024

    package var deployment: String
    package var region: RegionNumber
    package var regionName: String
    package var partitions: PartitionCount

    package init(deployment: String, region: RegionNumber, regionName: String, partitions: PartitionCount) {
        self.deployment = deployment
        self.region = region
        self.regionName = regionName
        self.partitions = partitions
    }

    /// The file in a data directory.
    package static func copies(in directory: String, files: any FileStore) -> GenerationCopies {
        GenerationCopies(
            GenerationFile("identity", suffix: ".directory", in: directory, maxBytes: maxBytes, files: files))
    }

    // MARK: Bytes

    private static let magic: UInt32 = 0x4444_524d  // "MRDD"
    private static let maxNameBytes = 255

    package func encode() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 256)
        writer.write(Self.magic)
        writer.write(UInt32(0))
        writer.write(Self.format)
        writer.write(UInt32(clamping: partitions.rawValue))
        writer.write(region.rawValue)
        writer.write(deployment)
        writer.write(regionName)
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    /// Throws IdentityFailure.
    package init(decoding bytes: [UInt8]) throws(IdentityFailure) {
        do {
            var reader = ByteReader(bytes)
            guard try reader.read(UInt32.self) == Self.magic, bytes.count >= 12,
                try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count)
            else { throw IdentityFailure.damaged("magic or checksum is wrong") }
            let format = try reader.read(UInt32.self)
            guard format == Self.format else { throw IdentityFailure.otherFormat(format) }
            let count = try reader.read(UInt32.self)
            guard let partitions = PartitionCount(Int(count)) else {
                throw IdentityFailure.damaged("\(count) partitions")
            }
            region = RegionNumber(try reader.read())
            self.partitions = partitions
            deployment = try reader.readString(limit: Self.maxNameBytes)
            regionName = try reader.readString(limit: Self.maxNameBytes)
            try reader.expectEnd()
        } catch let error as IdentityFailure {
            throw error
        } catch {
            throw .damaged("\(error)")
        }
    }

    // MARK: Comparing

    /// One key of the configuration that does not fit, with what the directory was made for and what is asked of it.
    package struct Difference: Hashable, Sendable, CustomStringConvertible {
        package var key: String
        package var made: String
        package var asked: String

        package var description: String { "\(key) \(made) here, \(asked) in the configuration" }
    }

    /// What of `asked` is something else, in the configuration's order.
    package func differences(from asked: DirectoryIdentity) -> [Difference] {
        let keys: [(String, String, String)] = [
            ("deployment.id", deployment, asked.deployment),
            ("deployment.partitions", "\(partitions.rawValue)", "\(asked.partitions.rawValue)"),
            ("region.name", regionName, asked.regionName),
            ("region.number", "\(region.rawValue)", "\(asked.region.rawValue)"),
        ]
        return keys.filter { $0.1 != $0.2 }.map { Difference(key: $0.0, made: $0.1, asked: $0.2) }
    }
}

/// Why an identity cannot be read.
package enum IdentityFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case damaged(String)
    case otherFormat(UInt32)

    package var description: String {
        switch self {
        case .damaged(let what): "the identity does not verify: \(what)"
        case .otherFormat(let format):
            "the directory has format \(format), this version reads format \(DirectoryIdentity.format)"
        }
    }
}
