// Names of a file's generations: STEM-GGGGGGGGGGGGGGGG.SUFFIX, the number in sixteen hexadecimal digits.

/// The number of one version of a replaced file. Numbers grow by one with each version and are never used twice.
package struct FileGeneration: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: FileGeneration, right: FileGeneration) -> Bool { left.rawValue < right.rawValue }

    /// The one after it; nil where there are no more numbers.
    package var next: FileGeneration? { rawValue < .max - 1 ? FileGeneration(rawValue + 1) : nil }

    /// Sixteen hexadecimal digits.
    package var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// How the generations of one file are named. A value without I/O.
package struct GenerationName: Hashable, Sendable {
    /// What comes before the number. Holds no "/".
    package let stem: String
    /// What comes behind it, its dot included.
    package let suffix: String

    package init(_ stem: String, suffix: String) {
        self.stem = stem
        self.suffix = suffix
    }

    /// What is being written: it has no number yet, so that no reader takes it for a generation.
    package var unfinished: String { stem + Self.unfinishedSuffix }

    /// Of every file that a crash can leave behind while it is written.
    package static let unfinishedSuffix = ".new"
    /// Of a generation that verifies and must not serve. It stays for a while for whoever looks into it.
    package static let refusedSuffix = ".refused"

    package func name(_ generation: FileGeneration) -> String { "\(stem)-\(generation)\(suffix)" }

    package func refusedName(_ generation: FileGeneration) -> String { name(generation) + Self.refusedSuffix }

    /// The generation that is called so; nil for every other file.
    package func generation(of name: String) -> FileGeneration? {
        guard name.hasPrefix(stem + "-"), name.hasSuffix(suffix) else { return nil }
        let digits = name.dropFirst(stem.count + 1).dropLast(suffix.count)
        guard digits.count == 16, let number = UInt64(digits, radix: 16), number < .max else { return nil }
        let generation = FileGeneration(number)
        return generation.description == digits ? generation : nil
    }

    /// Ascending.
    package func generations(among names: [String]) -> [FileGeneration] { names.compactMap(generation).sorted() }

    /// Generations that were put aside, ascending.
    package func refused(among names: [String]) -> [FileGeneration] {
        generations(
            among: names.compactMap { name in
                name.hasSuffix(Self.refusedSuffix) ? String(name.dropLast(Self.refusedSuffix.count)) : nil
            })
    }

    /// The stem of a generation's name with this suffix; nil for every other file.
    package static func stem(of name: String, suffix: String) -> String? {
        guard name.hasSuffix(suffix) else { return nil }
        let rest = name.dropLast(suffix.count)
        guard rest.count > 17, rest.dropLast(16).last == "-" else { return nil }
        let stem = String(rest.dropLast(17))
        return GenerationName(stem, suffix: suffix).generation(of: name) == nil ? nil : stem
    }
}
