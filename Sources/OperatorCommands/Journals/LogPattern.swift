// The name of a log, or of all incarnations of one, as people write it.

package import ClusterModel

/// `region/topic/partition` with or without `@incarnation`, which is hexadecimal, as commands print it.
package struct LogPattern: Hashable, Sendable {
    package var name: LogName
    package var incarnation: Incarnation?

    package init(_ text: String) throws(OperatorFailure) {
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false)
        let incarnation = halves.count > 1 ? UInt64(halves[1], radix: 16) : nil
        guard parts.count == 3, let region = UInt16(parts[0]), let topic = UInt16(parts[1]),
            let partition = UInt32(parts[2]), halves.count == 1 || incarnation != nil
        else {
            throw OperatorFailure(
                .usage, "\(text) does not name a log",
                nextStep: "for instance 1/1/5, or 1/1/5@18bcfe56800 for one incarnation; meridian log stats lists them")
        }
        name = LogName(region: RegionNumber(region), topic: TopicID(topic), partition: PartitionID(partition))
        self.incarnation = incarnation.map { Incarnation($0) }
    }

    package func matches(_ log: LogIdentity) -> Bool {
        log.name == name && incarnation.map { $0 == log.incarnation } ?? true
    }
}
