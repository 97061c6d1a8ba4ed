// Finds the method of a `:path` without making a string of it.

/// The served paths in a hash table (FNV-1a, open addressing, at most half full). An object: handing it to each header
/// counts one reference.
package final class MethodTable: Sendable {
    package static let maxMethods = Int(Int16.max)

    private let paths: [[UInt8]]
    /// 1 + index into `paths`; 0 is free.
    private let slots: [UInt16]

    /// `paths` as `/package.Service/Method`. Of equal paths the first wins; those beyond `maxMethods` are not served.
    package init(_ paths: [String]) {
        let paths = paths.prefix(Self.maxMethods).map { Array($0.utf8) }
        var size = 4
        while size < paths.count * 2 { size *= 2 }
        var slots: [UInt16] = Array(repeating: 0, count: size)
        for (index, path) in paths.enumerated() where Self.index(of: path.span, paths, slots) == nil {
            var slot = Int(truncatingIfNeeded: Self.hash(path.span)) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = UInt16(index + 1)
        }
        self.paths = paths
        self.slots = slots
    }

    /// The index of `path`. Complexity: O(path).
    package func index(of path: Span<UInt8>) -> Int? { Self.index(of: path, paths, slots) }

    private static func index(of path: Span<UInt8>, _ paths: [[UInt8]], _ slots: [UInt16]) -> Int? {
        var slot = Int(truncatingIfNeeded: hash(path)) & (slots.count - 1)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            let known = paths[index]
            if equal(known.span, path) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private static func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<bytes.count { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        return hash ^ hash >> 32
    }

    private static func equal(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }
}
