// A replaced file of which an older version would be wrong: a promise, or a bound that others rely on. Both generations
// hold the same content, so that either serves when the other is damaged.

/// Two generations of one content. The first is durable before the second is written; what is said on the strength of the
/// content is said after both are.
package struct GenerationCopies: Sendable {
    package let file: GenerationFile

    package init(_ file: GenerationFile) { self.file = file }

    /// Both copies are durable and verify when it returns. Throws as `GenerationFile.save`; the content before may stand then.
    package func save(_ bytes: [UInt8], verify: ([UInt8]) throws -> Void) throws(FileError) {
        for _ in 0..<GenerationChoice.kept { _ = try file.save(bytes, verify: verify) }
    }

    /// The newest copy that verifies. A start calls it: where a crash came between the copies, or one is damaged, the content
    /// is written anew, so that it can be relied on again.
    package func load<Value>(_ verify: ([UInt8]) throws -> Value) throws(FileError) -> GenerationFile.Loaded<Value> {
        let found = try file.load { bytes in (bytes, try verify(bytes)) }
        var loaded = GenerationFile.Loaded<Value>()
        loaded.refused = found.refused
        for refused in found.refused { file.noteDamage(refused) }
        guard let newest = found.newest else { return loaded }
        loaded.newest = GenerationFile.Verified(generation: newest.generation, value: newest.value.1)
        let older = try file.load(below: newest.generation) { bytes in (bytes, try verify(bytes)) }
        for refused in older.refused { file.noteDamage(refused) }
        if !found.refused.isEmpty || older.newest?.value.0 != newest.value.0 {
            try save(newest.value.0) { _ = try verify($0) }
        }
        return loaded
    }

    /// The same for who may change nothing.
    package func read<Value>(_ verify: ([UInt8]) throws -> Value) throws(FileError) -> GenerationFile.Loaded<Value> {
        try file.load(verify: verify)
    }
}
