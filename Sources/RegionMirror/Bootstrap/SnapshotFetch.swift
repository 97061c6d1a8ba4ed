// The requester's side of a bootstrap: gets a snapshot from some member onto this disk, and goes on where it stopped (S5).

package import ClusterModel
import EventLog
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// Fetches one item at a time. A source that is gone is replaced by another; what was fetched from it is of no use then, since
/// each member's snapshots are of its own vectors. Ends early by cancellation only, and what is on the disk by then is kept.
package struct SnapshotFetch: Sendable {
    /// A verified file.
    package struct Fetched: Sendable {
        package let source: RegionNumber
        package let snapshot: PublishedSnapshot
        package let bytes: [UInt8]
    }

    /// What a fetch has come to so far, for people.
    package struct Progress: Hashable, Sendable {
        package var source: RegionNumber
        package var position: UInt64
        package var length: UInt64
    }

    private static let timeout: Duration = .seconds(30)
    /// Snapshots that one source may take away while they are fetched, before another source is asked.
    private static let maxBeginnings = 3

    private let core: MirrorCore
    private let staged: StagedSnapshots
    private let disk: any DedicatedExecutor
    private let pieceBytes: Int

    init(core: MirrorCore, disk: any DedicatedExecutor) {
        self.core = core
        self.disk = disk
        let settings = core.settings
        staged = StagedSnapshots(directory: settings.directory, files: core.environment.files, limits: settings.limits)
        // Several pieces a second also on a slow link.
        pieceBytes = Int(
            clamping: max(1 << 10, min(UInt64(settings.limits.pieceBytes), settings.bootstrapBytesPerSecond / 8)))
    }

    /// The item from whoever offers one that `isUsable` (which may block), where it was begun first. Nil where nobody does now;
    /// then `why` says for people. Throws CancellationError, and FileError where this disk fails.
    ///
    /// - Parameters:
    ///   - avoided: asked after all others: what it gave was refused, or came too slowly.
    ///   - onSlow: hears of a source that gives less than is worth waiting for.
    package func fetch(
        _ item: SnapshotItem, lastFrom avoided: RegionNumber? = nil,
        isUsable: @escaping @Sendable (PublishedSnapshot) -> Bool,
        onProgress: @Sendable (Progress) -> Void, onSlow: (RegionNumber) -> Void = { _ in }, why: (String) -> Void
    ) async throws -> Fetched? {
        let (begun, complete) = try await disk.run {
            [staged, pieceBytes] () throws(FileError) -> (SnapshotDownload?, [UInt8]?) in
            guard let begun = try staged.begun(item, pieceBytes: pieceBytes), isUsable(begun.snapshot) else {
                return (nil, nil)
            }
            return (begun, try staged.verified(begun.snapshot))
        }
        if let begun, let complete {
            return Fetched(source: begun.source, snapshot: begun.snapshot, bytes: complete)
        }
        for peer in order(begunFrom: begun?.source, avoiding: avoided) {
            guard !core.refuses(peer.region) else {
                why("region \(peer.name) is refused: its terms differ")
                continue
            }
            for endpoint in peer.endpoints {
                try Task.checkCancellation()
                do {
                    let link = try Link(core, peer, endpoint)
                    let outcome = await Result { try await fetch(item, over: link, isUsable, onProgress) }
                    await link.close()
                    if let fetched = try outcome.get() { return fetched }
                    why("region \(peer.name) has no snapshot that this disk can go on from")
                } catch let error as FileError {
                    throw error
                } catch let error as CancellationError {
                    throw error
                } catch {
                    if (error as? MirrorError)?.code == .tooSlow { onSlow(peer.region) }
                    why("region \(peer.name): \(error)")
                }
            }
        }
        return nil
    }

    private func order(begunFrom begun: RegionNumber?, avoiding avoided: RegionNumber?) -> [MirrorPeer] {
        let peers = core.settings.peers
        let others = peers.filter { $0.region != avoided }
        return others.filter { $0.region == begun } + others.filter { $0.region != begun }
            + peers.filter { $0.region == avoided }
    }

    /// Nil where this source has nothing that is usable.
    private func fetch(
        _ item: SnapshotItem, over link: Link, _ isUsable: @escaping @Sendable (PublishedSnapshot) -> Bool,
        _ onProgress: @Sendable (Progress) -> Void
    ) async throws -> Fetched? {
        for _ in 0..<Self.maxBeginnings {
            guard let download = try await begin(item, over: link, isUsable) else { return nil }
            guard try await run(download, over: link, onProgress) else { continue }
            let snapshot = download.snapshot
            let bytes = try await disk.run { [staged] () throws(FileError) -> [UInt8]? in
                if let bytes = try staged.verified(snapshot) { return bytes }
                try staged.remove(item)
                return nil
            }
            if let bytes { return Fetched(source: link.region, snapshot: snapshot, bytes: bytes) }
        }
        return nil
    }

    /// What is to be fetched from this source, begun on the disk: what was begun before, where the source still has it.
    private func begin(
        _ item: SnapshotItem, over link: Link, _ isUsable: @escaping @Sendable (PublishedSnapshot) -> Bool
    ) async throws -> SnapshotDownload? {
        let begun = try await disk.run { [staged, pieceBytes] () throws(FileError) -> SnapshotDownload? in
            try staged.begun(item, pieceBytes: pieceBytes).flatMap { isUsable($0.snapshot) ? $0 : nil }
        }
        if let begun, begun.source == link.region, try await link.keeps(begun, pieceBytes) { return begun }
        guard let offered = try await link.newest(of: item) else { return nil }
        return try await disk.run { [staged] () throws(FileError) -> SnapshotDownload? in
            guard isUsable(offered) else { return nil }
            let download = SnapshotDownload(of: offered, from: link.region)
            try staged.begin(download)
            return download
        }
    }

    /// Whether all of it is on the disk; not where the source does not keep it any more.
    private func run(
        _ begun: SnapshotDownload, over link: Link, _ onProgress: @Sendable (Progress) -> Void
    ) async throws -> Bool {
        var download = begun
        var bucket = TokenBucket(bytesPerSecond: core.settings.bootstrapBytesPerSecond)
        var pace = SourcePace()
        let clock = core.environment.clock
        while let request = download.next(
            caller: core.settings.region, deployment: core.deployment, incarnation: core.incarnation,
            pieceBytes: pieceBytes)
        {
            try Task.checkCancellation()
            onProgress(
                Progress(source: link.region, position: download.position, length: download.snapshot.length))
            let asked = clock.bootTime()
            let reply = try await link.read(request)
            try pace.note(reply.bytes?.count ?? 0, in: clock.bootTime().since(asked))
            switch try download.onPiece(reply) {
            case .gone: return false
            case .write(let bytes, let position):
                let item = download.snapshot.item
                try await disk.run { [staged] () throws(FileError) in
                    try staged.write(bytes, at: position, of: item)
                }
                download.onWritten(bytes.count)
                let pause = bucket.take(bytes.count, at: clock.bootTime())
                if pause > .zero { try await clock.sleep(for: pause) }
            }
        }
        return true
    }

    /// The item is in place, or not wanted any more.
    package func forget(_ item: SnapshotItem) async throws {
        try await disk.run { [staged] () throws(FileError) in try staged.remove(item) }
    }
}

extension Result where Failure == any Error {
    /// What `body` comes to.
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

extension SnapshotFetch {
    /// Calls to one endpoint of a member.
    struct Link: Sendable {
        let region: RegionNumber
        private let core: MirrorCore
        private let channel: any CallChannel

        init(_ core: MirrorCore, _ peer: MirrorPeer, _ endpoint: Endpoint) throws {
            self.core = core
            region = peer.region
            channel = try core.environment.links.channel(to: endpoint, security: core.settings.security(of: [peer]))
        }

        func close() async { await channel.close() }

        private func call(_ path: String, _ bytes: [UInt8]) async throws(RPCStatus) -> [UInt8] {
            let deadline = core.environment.clock.bootTime().advanced(by: SnapshotFetch.timeout)
            let reply = try await channel.unary(
                path: path, message: ByteBuffer(bytes: bytes), metadata: CallMetadata(), deadline: deadline)
            return Array(reply.message.readableBytesView)
        }

        /// Nil where the member has none, or runs another version of `apply` (S3).
        func newest(of item: SnapshotItem) async throws -> PublishedSnapshot? {
            let request = SnapshotListRequest(
                caller: core.settings.region, applyVersion: core.settings.applyVersion, deployment: core.deployment,
                incarnation: core.incarnation, items: [item])
            let bytes = try await call(SnapshotListRequest.path, request.encoded)
            let reply = try SnapshotListReply(decoding: bytes, limits: core.settings.limits)
            guard reply.source == region else {
                throw MirrorError(.notAPeer, "region \(reply.source.rawValue) answers for \(region.rawValue)")
            }
            guard reply.applyVersion == core.settings.applyVersion else { return nil }
            guard let offered = reply.snapshots.first(where: { $0.item == item }) else { return nil }
            // What no clock can have made would be the newest for ever.
            let ceiling = core.ceiling
            for base in offered.bases
            where !ceiling.admits(base.log.incarnation) || !ceiling.admits(base.lastStamp) {
                throw MirrorError(.aheadOfClock, "a snapshot with records of \(base.log)")
            }
            return offered
        }

        func read(_ request: SnapshotReadRequest) async throws -> SnapshotReadReply {
            try SnapshotReadReply(decoding: try await call(SnapshotReadRequest.path, request.encoded))
        }

        /// Whether the member still has what was begun. A complete one is asked for its last byte.
        func keeps(_ download: SnapshotDownload, _ pieceBytes: Int) async throws -> Bool {
            let last = download.snapshot.length - 1
            let request = SnapshotReadRequest(
                caller: core.settings.region, deployment: core.deployment, incarnation: core.incarnation,
                item: download.snapshot.item, generation: download.snapshot.generation,
                position: min(download.position, last), maxBytes: 1)
            return try await read(request).bytes != nil
        }
    }
}
