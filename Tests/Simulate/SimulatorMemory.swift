// What a long sweep keeps of the machine's memory.

import CAllocator
import Glibc

/// Settings of the allocator and a look at what it holds.
enum SimulatorMemory {
    /// Blocks from this size on are maps of their own, which go back to the system when they are freed.
    private static let mapThreshold: Int32 = 256 << 10
    private static let trimThreshold: Int32 = 1 << 20

    /// A simulated disk's segments are arrays of 9 MiB. glibc raises its threshold for maps to the largest block that was
    /// ever freed, so that they would come from the heap after the first run: between small blocks that live a little longer
    /// it is soon full of holes, and a sweep grows by megabytes a seed though nothing is kept.
    static func keepFlat() {
        allocator_keep_thresholds(mapThreshold, trimThreshold)
    }

    /// After a seed: gives what is free back.
    static func giveBack() { allocator_trim() }

    /// Of this process; zero where /proc is not there.
    static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 256)
        guard fgets(&text, 255, file) != nil else { return 0 }
        let words = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
            separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }
}
