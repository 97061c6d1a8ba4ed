// How much memory this process holds, for tests in which it must stay flat.

import Foundation
import Testing

enum MemoryWatch {
    /// Whether nothing else runs in this process: `Tests/run` says so when it runs these tests by themselves.
    static let isAlone = ProcessInfo.processInfo.environment["MERIDIAN_ALONE"] != nil

    /// Bytes in memory.
    static func residentBytes() throws -> Int {
        let words = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(words.dropFirst().first.flatMap { Int($0) }) * 4_096
    }
}
