// A process that a command started itself: the quick start's nodes.

import ClusterModel
import Glibc
import HostEnvironment
package import NodeEnvironment

/// A spawned child. Ends are waited for by polling the environment's clock, so a wait can be cancelled.
package final class ChildProcess: Sendable {
    package enum End: Hashable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    package let identifier: Int32

    /// Starts `arguments[0]` with output and errors appended to `outputPath`, and `environment` on top of ours.
    package init(
        _ arguments: [String], outputPath: String, environment extra: [String: String] = [:]
    ) throws(OperatorFailure) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, outputPath, flags, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        Self.keepDescriptors()
        var attributes = posix_spawnattr_t()
        Self.isolate(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var child: pid_t = 0
        let variables = Self.environment(adding: extra)
        let code = unsafe Self.withCStrings(arguments) { argv in
            unsafe Self.withCStrings(variables) { envp in
                unsafe posix_spawn(&child, arguments[0], &actions, &attributes, argv, envp)
            }
        }
        guard code == 0 else {
            throw OperatorFailure(
                .usage, "\(arguments[0]) cannot be started (errno \(code))",
                nextStep: "build it: swift build -c release")
        }
        identifier = child
    }

    /// Nothing that is open here is a child's, but what it is given: a socket that listens here would be open there too, and its
    /// port taken for as long as the child lives. The transport's library leaves that to whoever starts children.
    private static func keepDescriptors() {
        // Without the list a child gets more than it needs, as before.
        for name in (try? HostFileStore().list("/proc/self/fd")) ?? [] {
            guard let descriptor = Int32(name), descriptor > STDERR_FILENO else { continue }
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
        }
    }

    /// A group of its own, so that the terminal's Ctrl-C reaches the command alone, which ends the child; and signals
    /// with their defaults and none of them blocked, whatever the command ignores. The threads that tasks run on block nearly
    /// all: a child that inherited that would never hear a SIGTERM, and whatever it executes would begin with it pending.
    private static func isolate(_ attributes: inout posix_spawnattr_t) {
        unsafe posix_spawnattr_init(&attributes)
        var defaults = sigset_t()
        unsafe sigemptyset(&defaults)
        for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&defaults, number) }
        unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
        var blocked = sigset_t()
        unsafe sigemptyset(&blocked)
        unsafe posix_spawnattr_setsigmask(&attributes, &blocked)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    }

    /// Whether it still runs; nil means yes.
    package func end() -> End? {
        var status: Int32 = 0
        let answer = unsafe waitpid(identifier, &status, WNOHANG)
        if answer == 0 || (answer < 0 && errno == EINTR) { return nil }
        // Reaped before: the status is gone.
        guard answer == identifier else { return .exited(-1) }
        let signal = status & 0x7f
        return signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
    }

    /// Sends a signal to this child only.
    package func signal(_ number: Int32) { kill(identifier, number) }

    /// Waits for the end; nil when `limit` passed first.
    package func waitForEnd(within limit: Duration, clock: any NodeClock) async throws -> End? {
        let deadline = clock.bootTime().advanced(by: limit)
        while true {
            if let end = end() { return end }
            guard clock.bootTime() < deadline else { return nil }
            try await clock.sleep(for: .milliseconds(5))
        }
    }

    /// Resident bytes, from /proc; nil once it has gone.
    package func residentBytes(files: any FileStore) -> UInt64? {
        // The process may end at any moment: no file is an answer, not an error.
        guard let file = try? files.open("/proc/\(identifier)/statm", .read),
            let bytes = try? file.read(at: 0, count: 256)
        else { return nil }
        file.close()
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? UInt64(fields[1]).map { $0 * UInt64(sysconf(Int32(_SC_PAGESIZE))) } : nil
    }

    private static func environment(adding extra: [String: String]) -> [String] {
        var variables: [String] = []
        var next = unsafe environ
        while let entry = unsafe next.pointee {
            let text = unsafe String(cString: entry)
            if !extra.keys.contains(String(text.prefix { $0 != "=" })) { variables.append(text) }
            unsafe next += 1
        }
        return variables + extra.keys.sorted().map { "\($0)=\(extra[$0] ?? "")" }
    }

    private static func withCStrings(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Int32
    ) -> Int32 {
        var pointers = unsafe strings.map { unsafe strdup($0) }
        defer { unsafe pointers.forEach { unsafe free($0) } }
        unsafe pointers.append(nil)
        return unsafe pointers.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return EINVAL }
            return unsafe body(base)
        }
    }
}
