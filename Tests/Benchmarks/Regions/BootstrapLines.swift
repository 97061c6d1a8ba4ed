// What a node's log says of its bootstrap: a line for each topic and partition that went on from a snapshot.

import Foundation

/// The lines "bootstrapped" of one part of a log. A value.
struct BootstrapLines {
    /// Bytes of the snapshots, by topic and partition, in order.
    private(set) var taken: [(item: String, bytes: UInt64)] = []

    /// Of what was written behind `start`.
    init(_ path: String, from start: UInt64) {
        // A log that cannot be read says nothing.
        guard let file = try? FileHandle(forReadingFrom: URL(filePath: path)) else { return }
        defer { try? file.close() }
        try? file.seek(toOffset: start)
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasSuffix("bootstrapped") {
            guard let topic = Self.value("topic", in: line), let partition = Self.value("partition", in: line),
                let bytes = Self.value("bytes", in: line).flatMap(UInt64.init)
            else { continue }
            taken.append(("\(topic)/\(partition)", bytes))
        }
    }

    static func length(_ path: String) -> UInt64 {
        let facts = try? FileManager.default.attributesOfItem(atPath: path)
        return (facts?[.size] as? NSNumber)?.uint64Value ?? 0
    }

    private static func value(_ key: String, in line: Substring) -> String? {
        for word in line.split(separator: " ") where word.hasPrefix("\(key)=") {
            return String(word.dropFirst(key.count + 1))
        }
        return nil
    }

    var bytes: UInt64 { taken.reduce(0) { $0 + $1.bytes } }

    /// Those that had been taken before.
    var repeated: (items: Int, bytes: UInt64) {
        var (seen, items, bytes) = (Set<String>(), 0, UInt64(0))
        for one in taken where !seen.insert(one.item).inserted {
            items += 1
            bytes += one.bytes
        }
        return (items, bytes)
    }
}
