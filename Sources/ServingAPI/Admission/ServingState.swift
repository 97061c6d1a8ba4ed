// What a node takes at all.

/// Whether a node takes user calls.
package enum ServingState: UInt8, Hashable, Sendable {
    case starting = 0
    case active = 1
    case draining = 2
    /// A log is poisoned or fenced: reads go on, the node reports itself not ready.
    case fenced = 3
    /// The region's users are sent to other regions; mirroring goes on.
    case evacuated = 4
    /// Calls are taken and most are served; those of some users are not: the node reports itself not ready.
    case impaired = 5
}
