// The one seam (ARCHITECTURE, idea 4). A node reaches time, randomness, threads, files and other processes through a
// value of this type and through nothing else; TidyTests refuse the other ways. Two environments exist: the real one
// (HostEnvironment, with RPCTransport for the links) and the simulated one (Tests/Support/SimulatedEnvironment).

/// What a node runs on.
package struct NodeEnvironment: Sendable {
    package let clock: any NodeClock
    package let entropy: any EntropySource
    package let executors: any ExecutorPool
    package let files: any FileStore
    package let links: any Links

    package init(
        clock: any NodeClock, entropy: any EntropySource, executors: any ExecutorPool, files: any FileStore,
        links: any Links
    ) {
        self.clock = clock
        self.entropy = entropy
        self.executors = executors
        self.files = files
        self.links = links
    }
}
