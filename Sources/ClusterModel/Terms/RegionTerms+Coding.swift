// Terms on the wire.
//
//   0   u64  deployment                  24  u32  D in milliseconds
//   8   u32  partitions                  28  u32  F in milliseconds
//   12  u32  apply version               32  u32  R in milliseconds
//   16  u32  oldest apply version        36  …    the region, then the others: count, each; then token keys: count, each
//   20  u32  zero                                 a member: u16 number, name; a key: u32 id, u64 fingerprint
//
// Numbers are little-endian, counts LEB128, names a LEB128 length and UTF-8. Valid: zeros are zero, partitions are a power of
// two, counts and names within their bounds, others ascending by number.

extension RegionTerms {
    /// Longer ones are refused before they are read.
    package static let maxByteCount = 40 + (maxMembers + 1) * (4 + maxNameBytes) + 8 + TokenKeyring.maxKeys * 12

    package func encode(into writer: inout ByteWriter) {
        writer.write(deployment)
        writer.write(UInt32(clamping: partitions.rawValue))
        writer.write(applyVersion)
        writer.write(oldestApplyVersion)
        writer.write(UInt32(0))
        writer.write(maxDriftMilliseconds)
        writer.write(maxFutureMilliseconds)
        writer.write(maxAgeMilliseconds)
        region.encode(into: &writer)
        writer.writeVarint(UInt64(others.count))
        for member in others { member.encode(into: &writer) }
        writer.writeVarint(UInt64(tokenKeys.count))
        for key in tokenKeys {
            writer.write(key.id)
            writer.write(key.fingerprint)
        }
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        deployment = try reader.read()
        guard let partitions = PartitionCount(Int(try reader.read(UInt32.self))) else {
            throw ByteCodingError(.invalidValue(field: "partitions"), at: reader.offset)
        }
        self.partitions = partitions
        applyVersion = try reader.read()
        oldestApplyVersion = try reader.read()
        guard try reader.read(UInt32.self) == 0 else {
            throw ByteCodingError(.invalidValue(field: "reserved"), at: reader.offset)
        }
        maxDriftMilliseconds = try reader.read()
        maxFutureMilliseconds = try reader.read()
        maxAgeMilliseconds = try reader.read()
        region = try Member(from: &reader)
        others = []
        for _ in 0..<(try Self.count(&reader, limit: Self.maxMembers)) {
            let member = try Member(from: &reader)
            guard others.last.map({ $0.number < member.number }) ?? true else {
                throw ByteCodingError(.invalidValue(field: "order of members"), at: reader.offset)
            }
            others.append(member)
        }
        tokenKeys = []
        for _ in 0..<(try Self.count(&reader, limit: TokenKeyring.maxKeys)) {
            tokenKeys.append(TokenKeyFingerprint(id: try reader.read(), fingerprint: try reader.read()))
        }
    }

    private static func count(_ reader: inout ByteReader, limit: Int) throws(ByteCodingError) -> Int {
        let start = reader.offset
        let count = try reader.readVarint()
        guard count <= UInt64(limit) else { throw ByteCodingError(.tooLong(length: count, limit: limit), at: start) }
        return Int(count)
    }
}

extension RegionTerms.Member {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(number.rawValue)
        writer.write(name)
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        let number = RegionNumber(try reader.read())
        self.init(number: number, name: try reader.readString(limit: RegionTerms.maxNameBytes))
    }
}
