// A log's identity as bytes, in batches, journals and on the mesh alike: region u16, topic u16, partition u32,
// incarnation u64.

extension ByteWriter {
    package mutating func write(_ log: LogIdentity) {
        write(log.name)
        write(log.incarnation.rawValue)
    }

    /// The first 8 bytes of an identity.
    package mutating func write(_ name: LogName) {
        write(name.region.rawValue)
        write(name.topic.rawValue)
        write(name.partition.rawValue)
    }
}

extension ByteReader {
    /// Any 16 bytes are an identity. Throws where they are not there.
    package mutating func readLogIdentity() throws(ByteCodingError) -> LogIdentity {
        let name = try readLogName()
        return LogIdentity(name: name, incarnation: Incarnation(try read()))
    }

    /// Any 8 bytes are a name. Throws where they are not there.
    package mutating func readLogName() throws(ByteCodingError) -> LogName {
        let region = RegionNumber(try read())
        let topic = TopicID(try read())
        return LogName(region: region, topic: topic, partition: PartitionID(try read()))
    }
}
