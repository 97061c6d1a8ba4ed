// Damages inputs, the same way for the same seed.

/// SplitMix64 and the usual mutations. A value; every run from one seed gives the same inputs.
package struct SeededMutator {
    private static let maxBytes = 64 << 10
    private static let interesting: [UInt8] = [0, 1, 0x7f, 0x80, 0xff, 0x40, 0x20, 0x3f, 0x1f]
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    package mutating func next(below bound: Int) -> Int { bound > 0 ? Int(next() % UInt64(bound)) : 0 }

    /// One of `seeds`, damaged once to eight times behind its first `kept` bytes; now and then pure noise.
    package mutating func input(from seeds: [[UInt8]], keeping kept: Int) -> [UInt8] {
        guard !seeds.isEmpty, next(below: 64) > 0 else {
            return (0..<next(below: 200)).map { _ in UInt8(truncatingIfNeeded: next()) }
        }
        let seed = seeds[next(below: seeds.count)]
        var bytes = Array(seed.dropFirst(kept))
        for _ in 0...next(below: 8) { mutate(&bytes, seeds) }
        return Array(seed.prefix(kept)) + bytes.prefix(Self.maxBytes)
    }

    private mutating func mutate(_ bytes: inout [UInt8], _ seeds: [[UInt8]]) {
        guard !bytes.isEmpty else {
            bytes.append(UInt8(truncatingIfNeeded: next()))
            return
        }
        let place = next(below: bytes.count)
        switch next(below: 8) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
        case 1: bytes[place] ^= 1 << UInt8(next(below: 8))
        case 2: bytes[place] = Self.interesting[next(below: Self.interesting.count)]
        case 3: bytes.remove(at: place)
        case 4: bytes.insert(UInt8(truncatingIfNeeded: next()), at: place)
        case 5: bytes.removeSubrange(place..<min(bytes.count, place + 1 + next(below: 40)))
        case 6:
            let end = min(bytes.count, place + 1 + next(below: 80))
            bytes.insert(contentsOf: bytes[place..<end], at: next(below: bytes.count))
        default:
            let other = seeds[next(below: seeds.count)]
            guard !other.isEmpty else { return }
            let start = next(below: other.count)
            bytes.insert(contentsOf: other[start..<min(other.count, start + 1 + next(below: 80))], at: place)
        }
    }
}
