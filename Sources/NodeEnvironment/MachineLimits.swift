// What the system lets a process have, as far as it matters to a node.

/// The limits of one process. Nil where there is none that can be read. A value.
package struct MachineLimits: Hashable, Sendable {
    /// Open files, sockets among them.
    package var descriptors: Int
    /// Bytes of address space (RLIMIT_AS).
    package var addressSpace: UInt64?
    /// Bytes of memory of the control group that the process is in.
    package var groupMemory: UInt64?

    package init(descriptors: Int, addressSpace: UInt64? = nil, groupMemory: UInt64? = nil) {
        self.descriptors = descriptors
        self.addressSpace = addressSpace
        self.groupMemory = groupMemory
    }

    /// What to do where there are too few threads.
    package static let threadAdvice =
        "raise the limit of processes: LimitNPROC= and TasksMax= of its systemd unit, --pids-limit of its container, "
        + "ulimit -u"
}
