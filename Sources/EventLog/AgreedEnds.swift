// Agreed ends as facts that travel (S1a).

package import ClusterModel

/// The chain of ends records that is known of a log's line.
package struct AgreedEnds: Hashable, Sendable {
    package var name: LogName
    package var chain: EndsChain

    package init(name: LogName, chain: EndsChain) {
        self.name = name
        self.chain = chain
    }

    /// One record of the line, appended by `writer`. Nil where it stands on no older one.
    package init?(name: LogName, writer: Incarnation, ends: EndsRecord) {
        guard let chain = EndsChain(EndsLink(number: writer, record: ends)) else { return nil }
        self.init(name: name, chain: chain)
    }

    /// The incarnation whose log holds the newest record.
    package var writer: Incarnation { chain.tip.number }
    /// The newest record.
    package var ends: EndsRecord { chain.tip.record }

    /// The agreed end of an incarnation older than the writer, 0 for one that is not listed; nil for others.
    package func end(of log: LogIdentity) -> Offset? {
        log.name == name ? chain.end(of: log.incarnation) : nil
    }
}
