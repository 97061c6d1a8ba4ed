// The source's side of a bootstrap: answers which snapshots there are, and gives pieces of them at a bounded rate (S5).

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// Serves `/Snapshots/List` and `/Snapshots/Read`. A snapshot that is being read stays open, so that newer ones do not take it
/// away; one that nobody read for a while is let go of, and who comes back too late begins anew. Thread-safe; the disk is read
/// on the mirror's thread for that.
final class SnapshotService: CallHandler {
    private struct Key: Hashable {
        var item: SnapshotItem
        var generation: UInt64
    }

    private struct Opened {
        var file: any StoredFile
        var lastRead: BootInstant
    }

    private struct State {
        var opened: [Key: Opened] = [:]
        var isExpiryDue = false
        var bucket: TokenBucket
    }

    let methods = [SnapshotListRequest.path, SnapshotReadRequest.path]
    private let core: MirrorCore
    private let shelf: any SnapshotShelf
    /// Knows who may call.
    private let mirror: MirrorService
    private let state: Mutex<State>

    /// How long a snapshot is kept for who read it last.
    static let patience: Duration = .seconds(60)

    init(core: MirrorCore, shelf: any SnapshotShelf, mirror: MirrorService) {
        self.core = core
        self.mirror = mirror
        self.shelf = shelf
        state = Mutex(State(bucket: TokenBucket(bytesPerSecond: core.settings.bootstrapBytesPerSecond)))
    }

    func handle(_ call: UnaryCall) {
        do throws(MirrorError) {
            guard call.message.readableBytes <= core.settings.limits.frameBytes else {
                throw MirrorError(.malformedFrame, "\(call.message.readableBytes) bytes")
            }
            let bytes = Array(call.message.readableBytesView)
            if call.method == 0 {
                try list(call, try SnapshotListRequest(decoding: bytes, limits: core.settings.limits))
            } else {
                try read(call, try SnapshotReadRequest(decoding: bytes))
            }
        } catch {
            mirror.say(error, to: call.peer)
            call.fail(error.status)
        }
    }

    /// S1: while a process is heard of that speaks for its region, another one is given nothing: it would read at the cost of the
    /// one that has to come back.
    private func check(
        _ call: UnaryCall, _ caller: RegionNumber, _ deployment: UInt64, _ incarnation: Incarnation
    ) throws(MirrorError) {
        try mirror.check(call.peer, caller, deployment)
        guard mirror.maySpeak(for: caller, incarnation) else { throw MirrorService.claimed }
    }

    private func list(_ call: UnaryCall, _ request: SnapshotListRequest) throws(MirrorError) {
        try check(call, request.caller, request.deployment, request.incarnation)
        core.disk.execute { [core, shelf] in
            let reply = SnapshotListReply(
                source: core.settings.region, applyVersion: core.settings.applyVersion,
                snapshots: request.items.compactMap { shelf.newest(of: $0) })
            call.succeed(ByteBuffer(bytes: reply.encoded))
        }
    }

    private func read(_ call: UnaryCall, _ request: SnapshotReadRequest) throws(MirrorError) {
        try check(call, request.caller, request.deployment, request.incarnation)
        core.disk.execute { [self] in
            let bytes = piece(request)
            let reply = SnapshotReadReply(position: request.position, bytes: bytes)
            let now = core.environment.clock.bootTime()
            let pause = state.withLock { $0.bucket.take(bytes?.count ?? 0, at: now) }
            let message = ByteBuffer(bytes: reply.encoded)
            guard pause > .zero else { return call.succeed(message) }
            _ = core.loop.schedule(at: now.advanced(by: pause)) { call.succeed(message) }
        }
    }

    /// Nil where the snapshot is gone, cannot be read, or ends before that place.
    private func piece(_ request: SnapshotReadRequest) -> [UInt8]? {
        let key = Key(item: request.item, generation: request.generation)
        guard let file = opened(key) else { return nil }
        let count = max(1, min(Int(request.maxBytes), core.settings.limits.pieceBytes))
        // What cannot be read here now is begun anew from another snapshot, or from another member.
        guard let bytes = try? file.read(at: request.position, count: count), !bytes.isEmpty else { return nil }
        return bytes
    }

    private func opened(_ key: Key) -> (any StoredFile)? {
        let now = core.environment.clock.bootTime()
        let known = state.withLock { state -> (any StoredFile)? in
            state.opened[key]?.lastRead = now
            return state.opened[key]?.file
        }
        if let known { return known }
        guard let file = shelf.open(key.item, generation: key.generation) else { return nil }
        let (gone, mustSchedule) = state.withLock { state in
            var gone: [any StoredFile] = []
            if state.opened.count >= core.settings.limits.openSnapshots,
                let oldest = state.opened.min(by: { $0.value.lastRead < $1.value.lastRead })?.key,
                let removed = state.opened.removeValue(forKey: oldest)
            {
                gone.append(removed.file)
            }
            state.opened[key] = Opened(file: file, lastRead: now)
            defer { state.isExpiryDue = true }
            return (gone, !state.isExpiryDue)
        }
        for file in gone { file.close() }
        if mustSchedule { expireLater() }
        return file
    }

    private func expireLater() {
        let due = core.environment.clock.bootTime().advanced(by: Self.patience)
        _ = core.loop.schedule(at: due) { [weak self] in
            guard let self else { return }
            core.disk.execute { self.expire() }
        }
    }

    /// On the thread that reads, so that no file closes under a reader.
    private func expire() {
        let oldest = core.environment.clock.bootTime().advanced(by: .zero - Self.patience)
        let (gone, hasMore) = state.withLock { state in
            let gone = state.opened.filter { $0.value.lastRead <= oldest }
            for key in gone.keys { state.opened[key] = nil }
            state.isExpiryDue = !state.opened.isEmpty
            return (gone.values.map(\.file), state.isExpiryDue)
        }
        for file in gone { file.close() }
        if hasMore { expireLater() }
    }

    /// How many snapshots are kept open for others.
    var openCount: Int { state.withLock { $0.opened.count } }
}
