// The key of a node whose configuration names none: the file "token-GGGGGGGGGGGGGGGG.key", in two copies, made at the first
// start.
//
// | bytes | field                          |
// |-------|--------------------------------|
// | 0-3   | magic "MRTK"                   |
// | 4-7   | CRC32C over bytes 8 to the end |
// | 8-39  | the secret                     |

import ClusterModel
import NodeEnvironment

extension TokenKeyFiles {
    /// A key that does not verify is not replaced by a new one: every token that is out would be refused, and nobody would
    /// know why.
    func ownKeyring(
        _ directory: String, _ entropy: any EntropySource
    ) throws(NodeError) -> TokenKeyring {
        let copies = GenerationCopies(
            GenerationFile("token", suffix: ".key", in: directory, maxBytes: 64, files: files))
        do {
            let loaded = try copies.load(Self.secret(in:))
            guard loaded.isAbsent || loaded.newest != nil else {
                throw NodeError(
                    .badKey, loaded.refused.joined(separator: "; "),
                    nextStep: "put the file back from a backup, or remove token-*.key: all tokens end then")
            }
            let secret = try loaded.newest?.value ?? makeOwnKey(copies, entropy)
            let key = try TokenKey(id: Self.ownKeyID, secret: secret)
            return try TokenKeyring([key], signingID: Self.ownKeyID)
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError(.badKey, "\(error)", nextStep: "make the directory of log.directory writable")
        }
    }

    private func makeOwnKey(
        _ copies: GenerationCopies, _ entropy: any EntropySource
    ) throws(FileError) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 8 + Self.secretBytes)
        writer.write(Self.magic)
        writer.write(UInt32(0))
        for _ in 0..<Self.secretBytes / 8 { writer.write(entropy.next()) }
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        try copies.save(writer.bytes) { _ = try Self.secret(in: $0) }
        return Array(writer.bytes.dropFirst(8))
    }

    private static let magic: UInt32 = 0x4b54_524d  // "MRTK"

    private static func secret(in bytes: [UInt8]) throws -> [UInt8] {
        var reader = ByteReader(bytes)
        guard bytes.count == 8 + secretBytes, try reader.read(UInt32.self) == magic,
            try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count)
        else { throw UnverifiedContent("no token key") }
        return Array(bytes.dropFirst(8))
    }
}
