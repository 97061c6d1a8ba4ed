// The journal for the conformance suite, on any file store, with a gate before the disk and a disk that fails on demand.

import EventLog
import EventLogConformance
import NodeEnvironment
import SimulatedEnvironment
import Synchronization

@testable import SegmentLog

final class SegmentLogStage: EngineStage {
    private let directory: String
    private let environment: NodeEnvironment
    private let files: FailingFiles
    private let gate = DiskGate()
    private var log: SegmentLog

    init(directory: String, environment: NodeEnvironment) throws {
        self.directory = directory
        files = FailingFiles(environment.files)
        let executors = GatedExecutors(base: environment.executors, gate: gate)
        self.environment = NodeEnvironment(
            clock: environment.clock, entropy: environment.entropy, executors: executors, files: files,
            links: environment.links)
        log = try Self.open(directory, self.environment)
    }

    private static func open(_ directory: String, _ environment: NodeEnvironment) throws -> SegmentLog {
        try SegmentLog.open(
            directory: directory, environment: environment,
            limits: JournalLimits(segmentBytes: JournalLimits.minSegmentBytes, backlogBytes: JournalLimits.groupBytes))
    }

    var engine: any EventLogEngine { log }
    var executor: any NodeExecutor { environment.executors.loops[0] }
    var backlogBytes: Int { JournalLimits.groupBytes }

    var holdsFlushes: Bool {
        get { gate.isClosed }
        set { gate.isClosed = newValue }
    }

    func fail() { files.fails.withLock { $0 = true } }

    func restart(afterCleanStop: Bool) async throws {
        files.fails.withLock { $0 = false }
        // An end without a clean mark is what a death leaves behind.
        if afterCleanStop { await log.close() } else { log.abandon() }
        log = try Self.open(directory, environment)
    }

    func end() async { await log.close() }
}

/// Holds back work of dedicated executors while it is closed.
final class DiskGate: Sendable {
    private struct State {
        var isClosed = false
        var waiting: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    var isClosed: Bool {
        get { state.withLock(\.isClosed) }
        set {
            let ready = state.withLock { state in
                state.isClosed = newValue
                guard !newValue else { return [@Sendable () -> Void]() }
                defer { state.waiting = [] }
                return state.waiting
            }
            for work in ready { work() }
        }
    }

    func pass(_ work: @escaping @Sendable () -> Void) {
        let isHeld = state.withLock { state in
            if state.isClosed { state.waiting.append(work) }
            return state.isClosed
        }
        if !isHeld { work() }
    }
}

private struct GatedExecutors: ExecutorPool {
    let base: any ExecutorPool
    let gate: DiskGate

    var loops: [any NodeExecutor] { base.loops }

    func makeDedicatedExecutor(label: String) -> any DedicatedExecutor {
        GatedExecutor(base: base.makeDedicatedExecutor(label: label), gate: gate)
    }
}

private struct GatedExecutor: DedicatedExecutor {
    let base: any DedicatedExecutor
    let gate: DiskGate

    func execute(_ work: @escaping @Sendable () -> Void) { gate.pass { base.execute(work) } }

    func shutDown() { gate.pass { base.shutDown() } }
}

/// Passes everything on; syncs of data fail on demand.
private final class FailingFiles: ForwardingFileStore {
    let base: any FileStore
    let fails = Mutex(false)

    init(_ base: any FileStore) { self.base = base }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        FailingFile(try base.open(path, mode), of: self)
    }
}

private final class FailingFile: ForwardingFile {
    let base: any StoredFile
    private let owner: FailingFiles

    init(_ base: any StoredFile, of owner: FailingFiles) {
        self.base = base
        self.owner = owner
    }

    func synchronizeData() throws(FileError) {
        if owner.fails.withLock({ $0 }) { throw FileError(.io, operation: "fdatasync", path: "", systemError: 5) }
        try base.synchronizeData()
    }
}
