// How what the system grants a process is shared out: so many descriptors for the disk, peers, operators and the runtime,
// the rest for clients' connections. Pure.

package import NodeEnvironment

/// The shares of one node. Who listens keeps to them, so that no flood of connections takes what the disk, a peer region or
/// an operator needs (A8).
package struct ResourceShares: Hashable, Sendable {
    /// Segments, marks, snapshots, groups' cursors, readers of history and directories that are being synced, with room.
    static let disk = 96
    /// Standard streams, the lock, signals, dispatch's queues and timers, files that a reload reads.
    static let runtime = 48
    /// Of each event loop: its selector, its event and its timer.
    static let perLoop = 4
    /// Links to a peer region, over all its endpoints, for pulls, cursors and actors' calls.
    static let perPeer = 16
    /// Connections of operators' tools and probes to the admin port.
    package static let pages = 64
    /// Connections from peers.
    private static let meshConnections = 256
    /// Connections that have not introduced themselves, of each of the two ports, beyond all others.
    package static let waiting = 64
    /// A node that could not serve so many clients is not worth starting.
    private static let leastConnections = 64
    /// Threads beside the loops: disk, commit, spares, upkeep, derivations, streams, snapshots, dispatch, signals.
    private static let ownThreads = 24
    /// Address space of an idle node: stacks and arenas of its threads are reserved, not used.
    private static let leastAddressSpace: UInt64 = 2 << 30
    private static let leastMemory: UInt64 = 256 << 20

    /// Connections of clients at once.
    package let connections: Int
    /// What one client may have of them (`limits.client_share_percent`).
    package let connectionsOfOne: Int
    /// Connections of peers at once; 0 without peers.
    package let meshConnections: Int
    /// Where fewer connections are served than configured: why, and what to raise.
    package let warning: String?

    /// Threads that a node of so many loops may come to.
    package static func threads(loops: Int) -> Int { loops * 2 + ownThreads }

    /// `loops`: event loops, counted. Throws NodeError `.machineTooSmall`, naming the limit and how to raise it.
    package init(
        _ limits: MachineLimits, configuration: NodeConfiguration, loops: Int
    ) throws(NodeError) {
        let peers = configuration.peers.count
        let ports = peers == 0 ? 1 : 2
        let kept =
            Self.disk + Self.runtime + Self.pages + loops * Self.perLoop + peers * Self.perPeer
            + ports * Self.waiting
        let mesh = peers == 0 ? 0 : min(Self.meshConnections, max(Self.leastConnections, limits.descriptors / 8))
        let least = kept + mesh + Self.leastConnections
        guard limits.descriptors >= least else {
            throw NodeError(
                .machineTooSmall, "the limit of open files is \(limits.descriptors); this node needs \(least)",
                nextStep: "raise the hard limit: LimitNOFILE= of its systemd unit, --ulimit nofile= of its container, "
                    + "or ulimit -Hn in the shell that starts it")
        }
        try Self.checkMemory(limits)
        let configured = configuration.limits.connections
        connections = min(configured, limits.descriptors - kept - mesh)
        connectionsOfOne = CallerShares.part(configuration.limits.clientPercent, of: connections)
        meshConnections = mesh
        let wanted = configured + kept + mesh
        warning =
            connections < configured
            ? "limits.connections is \(configured); the limit of open files (\(limits.descriptors)) leaves room for "
                + "\(connections): raise its hard limit to \(wanted) (LimitNOFILE=, --ulimit nofile=)" : nil
    }

    private static func checkMemory(_ limits: MachineLimits) throws(NodeError) {
        if let space = limits.addressSpace, space < leastAddressSpace {
            throw NodeError(
                .machineTooSmall, "the limit of address space is \(space) bytes; a node needs \(leastAddressSpace)",
                nextStep: "raise it, or lift it: ulimit -v unlimited, LimitAS=infinity")
        }
        if let memory = limits.groupMemory, memory < leastMemory {
            throw NodeError(
                .machineTooSmall, "the control group's memory is \(memory) bytes; a node needs \(leastMemory)",
                nextStep: "raise it: MemoryMax= of its systemd unit, --memory of its container")
        }
    }

    /// Throws NodeError `.machineTooSmall` where `hasRoom` says that the system does not grant a node's threads.
    package static func checkThreads(loops: Int, hasRoom: (Int) -> Bool) throws(NodeError) {
        let needed = threads(loops: loops)
        guard !hasRoom(needed) else { return }
        throw NodeError(
            .machineTooSmall, "the system does not grant the \(needed) threads that a node of \(loops) loops needs",
            nextStep: MachineLimits.threadAdvice + "; or lower limits.loops")
    }

    /// Throws NodeError `.machineTooSmall` where no file may become as long as a segment is made; `longest` is nil where files
    /// may have any length.
    package static func checkFileLength(
        _ configuration: NodeConfiguration, longest: UInt64?
    ) throws(NodeError) {
        let needed = UInt64(clamping: configuration.log.segmentBytes)
        guard let longest, longest < needed else { return }
        throw NodeError(
            .machineTooSmall, "this process may make files of \(longest) bytes, and log.segment_bytes is \(needed)",
            nextStep: "raise that limit: ulimit -f unlimited, or LimitFSIZE=infinity in a systemd unit")
    }
}
