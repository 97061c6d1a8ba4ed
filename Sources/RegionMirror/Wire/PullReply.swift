// What a holder answers.
//
//   0   u8   version (1)                 20  …  heads: count, head each (80 bytes)
//   1   u8   zero                            …  answers: count, then log, u8 kind and
//   2   u16  holder's region                      0 = batches: count, each with a LEB128 length
//   4   u64  holder's wall time, ms               1 = other chain
//   12  u64  link generation, echoed              2 = gap: first available offset u64
//                                            …  agreed ends: count, AgreedEnds each
//
// Numbers are little-endian, counts LEB128. Valid: all bytes are used, zeros are zero, counts are within `MirrorLimits`.

package import ClusterModel
package import EventLog

/// Heads of logs, and batches for the logs that were asked for.
package struct PullReply: Hashable, Sendable {
    static let version: UInt8 = 1

    package enum Answer: Hashable, Sendable {
        /// Whole batches as they stand on the holder's disk, flushed there (S6), not yet verified here.
        case batches([[UInt8]])
        /// The holder has another chain at that place.
        case otherChain
        /// The holder no longer has that place (S8).
        case gap(firstAvailable: Offset)
    }

    package struct LogAnswer: Hashable, Sendable {
        package var log: LogIdentity
        package var answer: Answer

        static let smallestByteCount = 17

        package init(log: LogIdentity, _ answer: Answer) {
            self.log = log
            self.answer = answer
        }
    }

    package var holder: RegionNumber
    package var wallTime: WallTime
    package var generation: UInt64
    /// All heads in the first reply of a generation, then those that changed.
    package var heads: [LogSummary] = []
    package var answers: [LogAnswer] = []
    package var agreedEnds: [AgreedEnds] = []

    package init(holder: RegionNumber, wallTime: WallTime, generation: UInt64) {
        self.holder = holder
        self.wallTime = wallTime
        self.generation = generation
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 64 + heads.count * Self.headBytes)
        writer.write(Self.version)
        writer.write(UInt8(0))
        writer.write(holder.rawValue)
        writer.write(wallTime.milliseconds)
        writer.write(generation)
        writer.writeVarint(UInt64(heads.count))
        for head in heads { Self.encode(head, into: &writer) }
        writer.writeVarint(UInt64(answers.count))
        for answer in answers { Self.encode(answer, into: &writer) }
        writer.writeVarint(UInt64(agreedEnds.count))
        for ends in agreedEnds { ends.encode(into: &writer) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8], limits: MirrorLimits) throws(MirrorError) {
        var reader = ByteReader(bytes)
        try reader.readMirrorVersion(Self.version)
        do throws(ByteCodingError) {
            try self.init(fieldsOf: &reader, limits)
            try reader.expectEnd()
        } catch {
            throw MirrorError(.malformedFrame, "reply: \(error)")
        }
    }

    private init(fieldsOf reader: inout ByteReader, _ limits: MirrorLimits) throws(ByteCodingError) {
        holder = RegionNumber(try reader.read())
        wallTime = WallTime(milliseconds: try reader.read())
        generation = try reader.read()
        for _ in 0..<(try reader.readCount(limit: limits.logs, itemBytes: Self.headBytes)) {
            heads.append(try Self.readHead(&reader))
        }
        for _ in 0..<(try reader.readCount(limit: limits.logs, itemBytes: LogAnswer.smallestByteCount)) {
            answers.append(try Self.readAnswer(&reader))
        }
        for _ in 0..<(try reader.readCount(limit: limits.agreedEnds, itemBytes: AgreedEnds.smallestByteCount)) {
            agreedEnds.append(try AgreedEnds(from: &reader))
        }
    }
}

extension PullReply {
    static let headBytes = 80
    /// The smallest batch: a header and one record's envelope.
    private static let smallestBatch = BatchHeader.length + 1

    private static func encode(_ head: LogSummary, into writer: inout ByteWriter) {
        writer.write(head.log)
        writer.write(head.base.rawValue)
        writer.write(head.baseDigest)
        writer.write(head.flushedEnd.rawValue)
        writer.write(head.endDigest)
        writer.write(head.lastStamp.rawValue)
        writer.write(head.epoch.rawValue)
    }

    private static func readHead(_ reader: inout ByteReader) throws(ByteCodingError) -> LogSummary {
        let log = try reader.readLogIdentity()
        let base = Offset(try reader.read())
        let baseDigest = try reader.readDigest()
        let end = Offset(try reader.read())
        guard base <= end else { throw ByteCodingError(.invalidValue(field: "head"), at: reader.offset) }
        let endDigest = try reader.readDigest()
        let stamp = HybridStamp(rawValue: try reader.read())
        return LogSummary(
            log: log, base: base, baseDigest: baseDigest, flushedEnd: end, endDigest: endDigest, lastStamp: stamp,
            epoch: Epoch(try reader.read()))
    }

    private static func encode(_ answer: LogAnswer, into writer: inout ByteWriter) {
        writer.write(answer.log)
        switch answer.answer {
        case .batches(let batches):
            writer.write(UInt8(0))
            writer.writeVarint(UInt64(batches.count))
            for batch in batches { writer.write(lengthPrefixed: batch) }
        case .otherChain: writer.write(UInt8(1))
        case .gap(let first):
            writer.write(UInt8(2))
            writer.write(first.rawValue)
        }
    }

    private static func readAnswer(_ reader: inout ByteReader) throws(ByteCodingError) -> LogAnswer {
        let log = try reader.readLogIdentity()
        switch try reader.read(UInt8.self) {
        case 0:
            var batches: [[UInt8]] = []
            for _ in 0..<(try reader.readCount(limit: reader.remaining, itemBytes: smallestBatch)) {
                let limit = BatchHeader.length + BatchHeader.maxBodyLength
                batches.append(Array(try reader.readLengthPrefixed(limit: limit)))
            }
            return LogAnswer(log: log, .batches(batches))
        case 1: return LogAnswer(log: log, .otherChain)
        case 2: return LogAnswer(log: log, .gap(firstAvailable: Offset(try reader.read())))
        default: throw ByteCodingError(.invalidValue(field: "answer"), at: reader.offset - 1)
        }
    }
}
