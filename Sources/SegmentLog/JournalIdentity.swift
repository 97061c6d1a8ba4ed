// Who a journal is: the file "journal-GGGGGGGGGGGGGGGG.identity", in two copies. When it is missing, the segments say which
// journal they belong to, and the start counts as one on a copy (S1).
//
// | bytes | field                                                                    |
// |-------|--------------------------------------------------------------------------|
// | 0-3   | magic "MRDI"                                                             |
// | 4-7   | CRC32C over bytes 8-31                                                   |
// | 8-15  | journal id                                                               |
// | 16-23 | device of the mark file on the machine that wrote this                   |
// | 24-31 | inode of the mark file; a copied directory has another                   |

import ClusterModel
import NodeEnvironment

struct JournalIdentity: Hashable, Sendable {
    var journal: UInt64
    var storage: StorageIdentity

    static let length = 32
    private static let magic: UInt32 = 0x4944_524d  // "MRDI"

    init(journal: UInt64, storage: StorageIdentity) {
        self.journal = journal
        self.storage = storage
    }

    init?(decoding bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        var reader = ByteReader(bytes)
        do {
            guard try reader.read(UInt32.self) == Self.magic,
                try reader.read(UInt32.self) == bytes.checksum(of: 8..<Self.length)
            else { return nil }
            journal = try reader.read()
            storage = StorageIdentity(device: try reader.read(), inode: try reader.read())
        } catch {
            return nil
        }
    }

    /// The same for a verifier.
    static func verified(_ bytes: [UInt8]) throws -> JournalIdentity {
        guard let identity = JournalIdentity(decoding: bytes) else { throw UnverifiedContent("no journal's identity") }
        return identity
    }

    func encode() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.length)
        writer.write(Self.magic)
        writer.write(UInt32(0))
        for word in [journal, storage.device, storage.inode] { writer.write(word) }
        writer.overwrite(writer.checksum(of: 8..<Self.length), at: 4)
        return writer.bytes
    }
}
