// Snapshots to fetch in tests: bytes that mean nothing.

import ClusterModel
import GRPCFraming
import NodeEnvironment
import SimulatedEnvironment
import Synchronization

@testable import RegionMirror

/// Keeps what tests put there, in files of its own.
final class SampleShelf: SnapshotShelf {
    private struct State {
        var snapshots: [SnapshotItem: PublishedSnapshot] = [:]
        var reads = 0
    }

    private let files = SimulatedFileStore()
    private let state = Mutex(State())

    /// How often a file was opened.
    var opened: Int { state.withLock(\.reads) }

    private func path(_ item: SnapshotItem, _ generation: UInt64) -> String {
        "shelf/\(item.topic.rawValue)-\(item.partition.rawValue)-\(generation)"
    }

    /// Publishes `bytes`; with `checksum` they are not what they are said to be.
    @discardableResult
    func put(
        _ bytes: [UInt8], as item: SnapshotItem, generation: UInt64, checksum: UInt32? = nil
    ) throws -> PublishedSnapshot {
        let file = try files.open(path(item, generation), .createOrReplace)
        defer { file.close() }
        try file.write(bytes, at: 0)
        let snapshot = PublishedSnapshot(
            item: item, generation: generation, length: UInt64(bytes.count),
            checksum: checksum ?? CRC32C.checksum(bytes), bases: [])
        state.withLock { $0.snapshots[item] = snapshot }
        return snapshot
    }

    /// As newer generations take an older one's place.
    func remove(_ item: SnapshotItem, generation: UInt64) throws { try files.remove(path(item, generation)) }

    func newest(of item: SnapshotItem) -> PublishedSnapshot? { state.withLock { $0.snapshots[item] } }

    func open(_ item: SnapshotItem, generation: UInt64) -> (any StoredFile)? {
        state.withLock { $0.reads += 1 }
        // One that is gone.
        return try? files.open(path(item, generation), .read)
    }
}

/// Two services on one endpoint.
struct BothHandlers: CallHandler {
    private let first: any CallHandler
    private let second: any CallHandler

    init(_ first: any CallHandler, _ second: any CallHandler) {
        self.first = first
        self.second = second
    }

    var methods: [String] { first.methods + second.methods }
    var streamingMethods: [String] { first.streamingMethods }

    func handle(_ call: UnaryCall) {
        guard call.method >= first.methods.count else { return first.handle(call) }
        let method = call.method - first.methods.count
        second.handle(call.renumbered(to: method))
    }

    func handle(_ call: StreamCall) { first.handle(call) }
}
