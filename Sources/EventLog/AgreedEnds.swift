// Agreed ends as facts that travel (S1a).

package import ClusterModel

/// The ends that `writer`'s ends record names for the older incarnations of a log.
package struct AgreedEnds: Hashable, Sendable {
    package var name: LogName
    /// The incarnation whose log holds the record.
    package var writer: Incarnation
    package var ends: EndsRecord

    package init(name: LogName, writer: Incarnation, ends: EndsRecord) {
        self.name = name
        self.writer = writer
        self.ends = ends
    }

    /// The agreed end of an incarnation older than the writer, 0 for one that is not listed; nil for others.
    package func end(of log: LogIdentity) -> Offset? {
        guard log.name == name, log.incarnation < writer else { return nil }
        return ends.end(of: log.incarnation)
    }
}
