// The ids of ClusterModel on the wire.

package import ClusterModel

extension RegionNumber: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(try reader.read()) }
}

extension TopicID: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(try reader.read()) }
}

extension PartitionID: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(try reader.read()) }
}

extension Incarnation: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(try reader.read(UInt64.self)) }
}

extension Epoch: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(try reader.read()) }
}

extension Offset: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(try reader.read()) }
}

extension LogName: Wire {
    package func encode(into writer: inout ByteWriter) {
        region.encode(into: &writer)
        topic.encode(into: &writer)
        partition.encode(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(
            region: try RegionNumber(from: &reader), topic: try TopicID(from: &reader),
            partition: try PartitionID(from: &reader))
    }
}

extension LogIdentity: Wire {
    package func encode(into writer: inout ByteWriter) {
        name.encode(into: &writer)
        incarnation.encode(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(name: try LogName(from: &reader), incarnation: try Incarnation(from: &reader))
    }
}

extension LogPosition: Wire {
    package func encode(into writer: inout ByteWriter) {
        log.encode(into: &writer)
        epoch.encode(into: &writer)
        offset.encode(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(
            log: try LogIdentity(from: &reader), epoch: try Epoch(from: &reader), offset: try Offset(from: &reader))
    }
}

extension EventID: Wire {
    package func encode(into writer: inout ByteWriter) {
        writer.write(time)
        writer.write(client)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(time: try reader.read(), client: try reader.read())
    }
}

extension Digest128: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(self) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self = try reader.readDigest() }
}

extension UserKey: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(digest) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(digest: try reader.readDigest()) }
}

extension HybridStamp: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(rawValue: try reader.read()) }
}

extension WallTime: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(milliseconds) }
    package init(from reader: inout ByteReader) throws(ByteCodingError) { self.init(milliseconds: try reader.read()) }
}
