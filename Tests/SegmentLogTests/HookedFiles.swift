// A file store that does something before one of its calls: how a test comes between two steps of a reader.

import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// Passes everything on. Before the `at`-th opening of a segment for reading the hook runs, once.
final class HookedFiles: ForwardingFileStore {
    private struct State {
        var openings = 0
        var at = Int.max
        var hook: (@Sendable () -> Void)?
    }

    let base: any FileStore
    private let state = Mutex(State())

    init(_ base: any FileStore) { self.base = base }

    /// Counts from the next opening on.
    func before(opening at: Int, _ hook: @escaping @Sendable () -> Void) {
        state.withLock { $0 = State(openings: 0, at: at, hook: hook) }
    }

    /// Nothing is done any more.
    func disarm() { state.withLock { $0 = State() } }

    /// Whether the hook has run.
    var hasRun: Bool { state.withLock { $0.hook == nil } }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        if mode == .read, path.hasSuffix(".segment") {
            let due = state.withLock { state -> (@Sendable () -> Void)? in
                defer { state.openings += 1 }
                guard state.openings == state.at else { return nil }
                defer { state.hook = nil }
                return state.hook
            }
            due?()
        }
        return try base.open(path, mode)
    }
}
