// What the system lets this process have: descriptors, threads, memory. Asked once, before anything is opened.

import Glibc
package import NodeEnvironment

extension MachineLimits {
    /// Where the hard limit is none at all: a table of so many is far more than a node fills.
    private static let mostDescriptors: rlim_t = 1 << 20

    /// Raises the soft limit of descriptors to the hard one, which every process may do, and reads the others. The shells and
    /// service managers of most systems start processes with a soft limit of 1,024. Blocks on /proc and /sys for a moment.
    package static func raised(files: any FileStore) -> MachineLimits {
        var limit = rlimit()
        let isKnown = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        if isKnown, limit.rlim_cur < limit.rlim_max {
            var wanted = rlimit(rlim_cur: min(limit.rlim_max, mostDescriptors), rlim_max: limit.rlim_max)
            wanted.rlim_cur = max(wanted.rlim_cur, limit.rlim_cur)
            if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 { limit = wanted }
        }
        var space = rlimit()
        let isBounded =
            unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &space) == 0 && space.rlim_cur < rlim_t(Int64.max)
        return MachineLimits(
            // 1,024 is what a system grants that does not say.
            descriptors: isKnown ? Int(clamping: min(limit.rlim_cur, mostDescriptors)) : 1_024,
            addressSpace: isBounded ? UInt64(space.rlim_cur) : nil,
            groupMemory: GroupMemory(files: files).limit)
    }

    /// Bytes that a file of this process may have (RLIMIT_FSIZE); nil where there is no limit.
    package static var longestFile: UInt64? {
        var length = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &length) == 0,
            length.rlim_cur < rlim_t(Int64.max)
        else { return nil }
        return UInt64(length.rlim_cur)
    }

    /// Whether the system lets this process have so many threads more (RLIMIT_NPROC, a control group's `pids.max`): tries it,
    /// since what others of the same user or group have counts too. Needs no thread of the concurrency runtime. Blocks until
    /// they have ended.
    package static func hasRoom(forThreads count: Int) -> Bool {
        let gate = ThreadGate()
        var threads: [pthread_t] = []
        for _ in 0..<count {
            var thread = pthread_t()
            // They live until the last one is made.
            let code = unsafe pthread_create(&thread, nil, { unsafe ThreadGate.pass($0) }, gate.argument)
            guard code == 0 else { break }
            threads.append(thread)
        }
        gate.open()
        for thread in threads { pthread_join(thread, nil) }
        gate.end()
        return threads.count == count
    }
}

/// Holds threads until it is opened: they wait for the end of a pipe.
private struct ThreadGate {
    private let reader: Int32
    private let writer: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        // Without a pipe the threads pass at once: fewer of them live at a time, and less is shown.
        _ = unsafe pipe(&ends)
        (reader, writer) = (ends[0], ends[1])
    }

    /// What a thread is handed: the number of the pipe's reading end.
    var argument: UnsafeMutableRawPointer? { unsafe UnsafeMutableRawPointer(bitPattern: Int(reader)) }

    static func pass(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        var byte: UInt8 = 0
        _ = unsafe read(Int32(truncatingIfNeeded: Int(bitPattern: argument)), &byte, 1)
        return nil
    }

    /// For good.
    func open() { Glibc.close(writer) }

    /// Once every thread has passed.
    func end() { Glibc.close(reader) }
}

/// The memory limit of this process's control group, of either version of the interface.
private struct GroupMemory {
    let files: any FileStore

    /// The smallest along the way up; nil where there is none, or none can be read.
    var limit: UInt64? {
        // A system without control groups has no such limit.
        guard let groups = text(of: "/proc/self/cgroup") else { return nil }
        var limits: [UInt64] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[0] == "0" { limits += along(String(parts[2]), "/sys/fs/cgroup", "memory.max") }
            if parts[1].split(separator: ",").contains("memory") {
                limits += along(String(parts[2]), "/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
        }
        return limits.min()
    }

    private func along(_ group: String, _ root: String, _ name: String) -> [UInt64] {
        var limits: [UInt64] = []
        var path = group == "/" ? "" : group
        while true {
            // "max", or a number beyond all memory, is none.
            if let text = text(of: "\(root)\(path)/\(name)"), let value = UInt64(text.prefix { $0.isNumber }),
                value < 1 << 60
            {
                limits.append(value)
            }
            guard let slash = path.lastIndex(of: "/") else { return limits }
            path = String(path[..<slash])
        }
    }

    private func text(of path: String) -> String? {
        // Whatever cannot be read says nothing.
        guard let file = try? files.open(path, .read) else { return nil }
        defer { file.close() }
        // As above.
        return (try? file.read(at: 0, count: 4_096)).map { String(decoding: $0, as: UTF8.self) }
    }
}
