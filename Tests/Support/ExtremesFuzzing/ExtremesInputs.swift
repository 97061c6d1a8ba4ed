// Inputs with extremes in them, each a function of the target, a seed and a number: any of them can be made again by itself.

/// First every extreme at every place of every good input, in a scattered order; then several at once, drawn.
package struct ExtremesInputs: Sendable {
    /// One place where a number may stand, and one way to read it there.
    private struct Site: Sendable {
        var seed: Int
        var offset: Int
        /// Bytes of a fixed width, negative for the big end first; 0 for LEB128; for decimal digits their count.
        var width: Int
    }

    private let target: any ExtremesTarget
    private let seeds: [[UInt8]]
    private let isText: Bool
    private let sites: [Site]
    private let values: [UInt64]

    /// How many inputs put one extreme in at one place.
    package var systematic: Int { sites.count * values.count }

    package init(_ target: any ExtremesTarget) {
        self.target = target
        seeds = target.seeds
        isText = target.grammar.numbers == .decimal
        values = Self.values(next: target.grammar.bounds)
        sites = seeds.indices.flatMap { index in
            target.grammar.numbers == .decimal
                ? Self.digits(in: target.seeds[index], of: index)
                : Self.places(in: target.seeds[index], of: index, target.grammar.numbers)
        }
    }

    /// 0, 1, the ends of all widths and their neighbours, and the bounds with theirs.
    private static func values(next bounds: [UInt64]) -> [UInt64] {
        var values: Set<UInt64> = [0, 1, 2]
        for bits in [7, 8, 15, 16, 31, 32, 47, 48, 62, 63] as [UInt64] {
            values.formUnion([1 << bits &- 1, 1 << bits, 1 << bits &+ 1])
        }
        values.formUnion([.max, .max - 1, .max - 2])
        for bound in bounds { values.formUnion([bound &- 1, bound, bound &+ 1]) }
        return values.sorted()
    }

    private static func places(in bytes: [UInt8], of seed: Int, _ numbers: ExtremesGrammar.Numbers) -> [Site] {
        let widths = numbers == .anyEndian ? [0, 1, 2, 4, 8, -2, -3, -4] : [0, 1, 2, 4, 8]
        return bytes.indices.flatMap { offset in
            widths.filter { offset + abs($0) <= bytes.count }.map { Site(seed: seed, offset: offset, width: $0) }
        }
    }

    private static func digits(in bytes: [UInt8], of seed: Int) -> [Site] {
        var sites: [Site] = []
        var start: Int?
        for offset in 0...bytes.count {
            let isDigit = offset < bytes.count && (48...57).contains(bytes[offset])
            if isDigit { start = start ?? offset }
            if !isDigit, let first = start {
                sites.append(Site(seed: seed, offset: first, width: offset - first))
                start = nil
            }
        }
        return sites
    }

    /// The input of that number, checksums made right.
    package func input(_ number: UInt64, seed: UInt64) -> [UInt8] {
        guard !seeds.isEmpty, !sites.isEmpty else { return [] }
        var bytes: [UInt8]
        if number < UInt64(systematic) {
            // A prime that does not divide the count, so that the first few inputs are spread over everything.
            let place = Int((number * 1_000_003) % UInt64(systematic))
            let site = sites[place / values.count]
            bytes = seeds[site.seed]
            put(values[place % values.count], at: site, &bytes, every: 0)
        } else {
            bytes = drawn(number, seed)
        }
        if bytes.count > target.grammar.maxBytes { bytes.removeLast(bytes.count - target.grammar.maxBytes) }
        target.seal(&bytes)
        return bytes
    }

    /// One to four extremes in one good input; now and then cut short.
    private func drawn(_ number: UInt64, _ seed: UInt64) -> [UInt8] {
        var generator = ExtremesGenerator(state: seed ^ (number &* 0x9e37_79b9_7f4a_7c15))
        let first = sites[generator.below(sites.count)]
        var bytes = seeds[first.seed]
        var site = first
        for turn in 0...generator.below(4) {
            if turn > 0 {
                let other = sites[generator.below(sites.count)]
                // Sites of the same seed only: others' offsets mean nothing here.
                site =
                    other.seed == first.seed
                    ? other
                    : Site(
                        seed: first.seed, offset: generator.below(bytes.count),
                        width: isText ? 1 : [0, 1, 2, 4, 8][generator.below(5)])
            }
            let strides = target.grammar.strides
            let stride = strides.isEmpty || generator.below(3) > 0 ? 0 : strides[generator.below(strides.count)]
            put(values[generator.below(values.count)], at: site, &bytes, every: stride)
        }
        if generator.below(20) == 0 { bytes.removeLast(generator.below(bytes.count + 1)) }
        return bytes
    }

    /// `every`: repeats it in the same place of the elements that follow, each so many bytes; 0 for once.
    private func put(_ value: UInt64, at site: Site, _ bytes: inout [UInt8], every stride: Int) {
        if isText { return replaceDigits(by: value, at: site, &bytes) }
        guard site.width != 0 else { return replaceVarint(by: value, at: site.offset, &bytes) }
        let width = abs(site.width)
        var offset = site.offset
        while offset + width <= bytes.count {
            for index in 0..<width {
                let shift = UInt64(8 * (site.width < 0 ? width - 1 - index : index))
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> shift)
            }
            guard stride > 0 else { return }
            offset += stride
        }
    }

    private func replaceVarint(by value: UInt64, at offset: Int, _ bytes: inout [UInt8]) {
        guard offset < bytes.count else { return }
        let end = bytes[offset...].firstIndex { $0 < 0x80 }.map { $0 + 1 } ?? bytes.count
        var encoded: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            encoded.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        encoded.append(UInt8(truncatingIfNeeded: rest))
        bytes.replaceSubrange(offset..<end, with: encoded)
    }

    private func replaceDigits(by value: UInt64, at site: Site, _ bytes: inout [UInt8]) {
        let end = min(bytes.count, site.offset + site.width)
        guard site.offset < end else { return }
        // Negative ones and ones beyond 64 bits are numbers too.
        let text = value == .max - 2 ? "-\(value)" : value == .max - 1 ? "\(value)0" : "\(value)"
        bytes.replaceSubrange(site.offset..<end, with: Array(text.utf8))
    }
}

/// SplitMix64.
struct ExtremesGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(next() % UInt64(bound)) : 0 }
}
