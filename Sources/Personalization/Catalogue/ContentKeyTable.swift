// Where a content key's row is: open addressing over plain integers, so that a copy of the table is a copy of memory.

/// Maps content keys to row numbers, with linear probing at a load of at most one half. Keys are bits of SHA-256, hence
/// their low bits are the hash.
struct ContentKeyTable: Sendable {
    private var keys: [UInt64]
    /// Row number + 1; 0 marks a free slot.
    private var values: [UInt32]
    private(set) var count = 0

    init(minimumCapacity: Int = 0) {
        var slots = 16
        while slots < 2 * minimumCapacity { slots *= 2 }
        keys = Array(repeating: 0, count: slots)
        values = Array(repeating: 0, count: slots)
    }

    /// Complexity: O(1) expected.
    subscript(key: ContentKey) -> Int? {
        let value = values[slot(of: key.rawValue)]
        return value == 0 ? nil : Int(value) - 1
    }

    /// Adds a key, or changes nothing when it is there. Complexity: O(1) amortised.
    mutating func insert(_ key: ContentKey, row: Int) {
        if 2 * (count + 1) > keys.count { grow() }
        let place = slot(of: key.rawValue)
        guard values[place] == 0 else { return }
        keys[place] = key.rawValue
        values[place] = UInt32(row) + 1
        count += 1
    }

    /// Takes the key out where it stands for this row. What was pushed behind it moves up, so that no free slot lies between a
    /// key and its place (Knuth, vol. 3, 6.4, algorithm R). Complexity: O(1) expected.
    mutating func remove(_ key: ContentKey, row: Int) {
        var hole = slot(of: key.rawValue)
        guard values[hole] == UInt32(row) + 1 else { return }
        let mask = keys.count - 1
        var next = (hole + 1) & mask
        while values[next] != 0 {
            let home = Int(truncatingIfNeeded: keys[next]) & mask
            if (next &- home) & mask >= (next &- hole) & mask {
                (keys[hole], values[hole]) = (keys[next], values[next])
                hole = next
            }
            next = (next + 1) & mask
        }
        values[hole] = 0
        count -= 1
    }

    /// The slot that holds the key, or the free one where it belongs.
    private func slot(of key: UInt64) -> Int {
        let mask = keys.count - 1
        var place = Int(truncatingIfNeeded: key) & mask
        while values[place] != 0, keys[place] != key { place = (place + 1) & mask }
        return place
    }

    private mutating func grow() {
        let old = (keys, values)
        self = ContentKeyTable(minimumCapacity: keys.count)
        for place in old.0.indices where old.1[place] != 0 {
            insert(ContentKey(rawValue: old.0[place]), row: Int(old.1[place]) - 1)
        }
    }
}
