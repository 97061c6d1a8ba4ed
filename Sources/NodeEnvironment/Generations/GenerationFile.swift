// A file that is replaced as a whole, in numbered generations of which the newest two that verify are kept (S8).
//
// Replacing one writes STEM.new, syncs it, reads it back from the disk, has it verified, renames it to the next number and
// syncs the directory; only then it is asked which older ones may go. A crash between any two steps leaves the old one or
// the new one, never none (FAULTS 1.17). What "verifies" means is its owner's: a checksum, a version, a digest.

/// One replaced file. Stateless: what is true is read from the disk each time. Blocks on the disk. One writer at a time; its
/// owner sees to that.
package struct GenerationFile: Sendable {
    /// A generation that its verifier accepted, and what the verifier made of it.
    package struct Verified<Value> {
        package let generation: FileGeneration
        package let value: Value
    }

    /// What a directory holds of a file.
    package struct Loaded<Value> {
        /// The newest that verifies.
        package var newest: Verified<Value>?
        /// Why newer ones do not serve, each with its path.
        package var refused: [String] = []

        /// Whether there is no generation at all, as before the first one.
        package var isAbsent: Bool { newest == nil && refused.isEmpty }
    }

    package let directory: String
    package let name: GenerationName
    /// A longer file is refused before it is read.
    private let maxBytes: UInt64
    private let files: any FileStore

    package init(
        _ stem: String, suffix: String, in directory: String, maxBytes: Int, files: any FileStore
    ) {
        self.directory = directory
        name = GenerationName(stem, suffix: suffix)
        self.maxBytes = UInt64(max(0, maxBytes))
        self.files = files
    }

    /// Of one generation.
    package func path(_ generation: FileGeneration) -> String { "\(directory)/\(name.name(generation))" }

    /// Tells whoever watches the disk of a generation that does not verify.
    package func noteDamage(_ refused: String) { files.damage?.note(refused) }

    /// The newest generation that `verify` accepts, below `limit` where there is one. `names`: the directory's, for who looks
    /// at many files. Throws where the directory cannot be read; a generation that cannot is among the refused.
    package func load<Value>(
        below limit: FileGeneration? = nil, among names: [String]? = nil, verify: ([UInt8]) throws -> Value
    ) throws(FileError) -> Loaded<Value> {
        var loaded = Loaded<Value>()
        for generation in try generations(among: names).reversed() where limit.map({ generation < $0 }) ?? true {
            switch look(at: generation, verify) {
            case .success(let value):
                loaded.newest = Verified(generation: generation, value: value)
                return loaded
            case .failure(let failure): loaded.refused.append("\(path(generation)): \(failure.reason)")
            }
        }
        return loaded
    }

    /// Makes `bytes` the newest generation, durably, and removes what nobody needs any more. Returns what verifies now, oldest
    /// first, `bytes` the last: where it is one alone, there is nothing to fall back to yet. Throws `.io` with the operation
    /// "verify" where the disk gives back something else, or `verify` throws; every generation is as it was then.
    package func save<Value>(
        _ bytes: [UInt8], verify: ([UInt8]) throws -> Value
    ) throws(FileError) -> [Verified<Value>] {
        if !files.exists(directory) { try files.createDirectory(directory) }
        let names = try files.list(directory)
        let older = name.generations(among: names)
        let last = (older.suffix(1) + name.refused(among: names).suffix(1)).max()
        guard let generation = last.map(\.next) ?? FileGeneration(1) else {
            throw FileError(.io, operation: "number", path: "\(directory)/\(name.stem)")
        }
        let value = try writeUnfinished(bytes, verify)
        try files.rename("\(directory)/\(name.unfinished)", to: path(generation))
        try files.syncDirectory(directory)
        return tidy(behind: Verified(generation: generation, value: value), older, verify)
    }

    /// Nobody takes this generation for one that serves any more: it verifies, and belongs to something that is not here.
    package func setAside(_ generation: FileGeneration) throws(FileError) {
        try files.rename(path(generation), to: "\(directory)/\(name.refusedName(generation))")
        try files.syncDirectory(directory)
        removeRefused(allBut: GenerationChoice.damagedKept)
    }

    /// Ends the file. What a crash leaves is its newest generations.
    package func removeAll() throws(FileError) {
        guard files.exists(directory) else { return }
        removeRefused(allBut: 0)
        for generation in try generations(among: nil) { try files.remove(path(generation)) }
        try files.syncDirectory(directory)
    }

    /// Removes what crashes left of files that were being written in a directory. For who holds the directory alone.
    package static func removeUnfinished(in directory: String, files: any FileStore) throws(FileError) {
        guard files.exists(directory) else { return }
        for name in try files.list(directory) where name.hasSuffix(GenerationName.unfinishedSuffix) {
            try files.remove("\(directory)/\(name)")
        }
    }
}

extension GenerationFile.Verified: Sendable where Value: Sendable {}
extension GenerationFile.Loaded: Sendable where Value: Sendable {}

// MARK: Steps

extension GenerationFile {
    /// Ascending.
    private func generations(among names: [String]?) throws(FileError) -> [FileGeneration] {
        if let names { return name.generations(among: names) }
        guard files.exists(directory) else { return [] }
        return name.generations(among: try files.list(directory))
    }

    /// Why a generation does not serve.
    private struct Refusal: Error {
        var verdict: GenerationVerdict
        var reason: String
    }

    private func look<Value>(
        at generation: FileGeneration, _ verify: ([UInt8]) throws -> Value
    ) -> Result<Value, Refusal> {
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try files.open(path(generation), .read)
            defer { file.close() }
            let length = try file.length()
            guard length <= maxBytes else {
                return .failure(Refusal(verdict: .damaged, reason: "\(length) bytes are more than \(maxBytes)"))
            }
            // What was read before says nothing about the disk.
            file.dropFromCache(at: 0, count: Int(length))
            bytes = try file.read(at: 0, count: Int(length))
        } catch {
            return .failure(Refusal(verdict: .unreadable, reason: "\(error)"))
        }
        do {
            return .success(try verify(bytes))
        } catch {
            return .failure(Refusal(verdict: .damaged, reason: "\(error)"))
        }
    }

    private func writeUnfinished<Value>(
        _ bytes: [UInt8], _ verify: ([UInt8]) throws -> Value
    ) throws(FileError) -> Value {
        let path = "\(directory)/\(name.unfinished)"
        let file = try files.open(path, .createOrReplace)
        defer { file.close() }
        do throws(FileError) {
            guard UInt64(bytes.count) <= maxBytes else { throw FileError(.io, operation: "verify", path: path) }
            try file.write(bytes, at: 0)
            try file.synchronizeData()
            file.dropFromCache(at: 0, count: bytes.count)
            guard try file.length() == UInt64(bytes.count), try file.read(at: 0, count: bytes.count) == bytes else {
                throw FileError(.io, operation: "verify", path: path)
            }
            do {
                return try verify(bytes)
            } catch {
                throw FileError(.io, operation: "verify (\(error))", path: path)
            }
        } catch {
            // It takes room that others may need; one that stays is overwritten by the next try, or removed by a start.
            try? files.remove(path)
            throw error
        }
    }

    /// The new generation stands whatever happens here: what cannot be removed now goes with the next one.
    private func tidy<Value>(
        behind new: Verified<Value>, _ older: [FileGeneration], _ verify: ([UInt8]) throws -> Value
    ) -> [Verified<Value>] {
        var choice = GenerationChoice()
        var kept = [new]
        var unseen = older
        choice.onLook(new.generation, .verified)
        while choice.isOpen, let generation = unseen.popLast() {
            switch look(at: generation, verify) {
            case .success(let value):
                choice.onLook(generation, .verified)
                kept.insert(Verified(generation: generation, value: value), at: 0)
            case .failure(let failure): choice.onLook(generation, failure.verdict)
            }
        }
        // As above.
        for generation in choice.going(unseen: unseen) { try? files.remove(path(generation)) }
        removeRefused(allBut: choice.isOpen ? GenerationChoice.damagedKept : 0)
        return kept
    }

    private func removeRefused(allBut count: Int) {
        // What cannot be listed or removed now is looked at with the next generation.
        guard let names = try? files.list(directory) else { return }
        for generation in name.refused(among: names).dropLast(count) {
            try? files.remove("\(directory)/\(name.refusedName(generation))")  // as above
        }
    }
}
