// What a holder answers.
//
//   0   u8   version (2)                 28  u32  holder's apply version
//   1   u8   flags: 1 = refuses writes   32  u64  fingerprint of the holder's terms
//   2   u16  holder's region             40  u64  incarnation of its start, 0 for one that has not begun
//   4   u32  microseconds that it waited 48  …    heads: count, head each (80 bytes)
//   8   u64  holder's wall time, ms           …    answers: count, then log, u8 kind and
//   16  u64  link generation, echoed                 0 = batches: count, each with a LEB128 length
//   24  u32  zero                                    1 = other chain
//                                                    2 = gap: first available offset u64
//                                             …    agreed ends: count, AgreedEnds each
//
// Numbers are little-endian, counts LEB128. Valid: all bytes are used, zeros are zero, counts are within `MirrorLimits`.

package import ClusterModel
package import EventLog

/// Heads of logs, and batches for the logs that were asked for.
package struct PullReply: Hashable, Sendable {
    static let version: UInt8 = 2

    package enum Answer: Hashable, Sendable {
        /// Whole batches as they stand on the holder's disk, flushed there (S6). Decoding verifies each.
        case batches([EncodedBatch])
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
    /// When the reply was made.
    package var wallTime: WallTime
    /// How long the holder kept the pull: not part of the round trip.
    package var waitedMicroseconds: UInt32 = 0
    /// The holder's clock guard refuses writes (S2).
    package var isRefusingWrites = false
    package var applyVersion: UInt32 = 0
    /// `RegionTerms.fingerprint`.
    package var deployment: UInt64 = 0
    /// Tells two processes apart that claim one region (S1).
    package var incarnation = Incarnation(0)
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

    /// A heartbeat and nothing else.
    package var saysNothing: Bool { heads.isEmpty && answers.isEmpty && agreedEnds.isEmpty }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 64 + heads.count * Self.headBytes)
        writer.write(Self.version)
        writer.write(UInt8(isRefusingWrites ? 1 : 0))
        writer.write(holder.rawValue)
        writer.write(waitedMicroseconds)
        writer.write(wallTime.milliseconds)
        writer.write(generation)
        writer.write(UInt32(0))
        writer.write(applyVersion)
        writer.write(deployment)
        writer.write(incarnation.rawValue)
        writer.writeVarint(UInt64(heads.count))
        for head in heads { Self.encode(head, into: &writer) }
        writer.writeVarint(UInt64(answers.count))
        for answer in answers { Self.encode(answer, into: &writer) }
        writer.writeVarint(UInt64(agreedEnds.count))
        for ends in agreedEnds { ends.encode(into: &writer) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8], limits: MirrorLimits) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "reply", version: Self.version, flags: 1) { reader, flags in
            var reply = try Self(fieldsOf: &reader, limits)
            reply.isRefusingWrites = flags == 1
            return reply
        }
    }

    private init(fieldsOf reader: inout ByteReader, _ limits: MirrorLimits) throws {
        holder = RegionNumber(try reader.read())
        waitedMicroseconds = try reader.read()
        wallTime = WallTime(milliseconds: try reader.read())
        generation = try reader.read()
        guard try reader.read(UInt32.self) == 0 else {
            throw ByteCodingError(.invalidValue(field: "reserved"), at: reader.offset)
        }
        applyVersion = try reader.read()
        deployment = try reader.read()
        incarnation = Incarnation(try reader.read())
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
            for batch in batches { writer.write(lengthPrefixed: batch.content) }
        case .otherChain: writer.write(UInt8(1))
        case .gap(let first):
            writer.write(UInt8(2))
            writer.write(first.rawValue)
        }
    }

    private static func readAnswer(_ reader: inout ByteReader) throws -> LogAnswer {
        let log = try reader.readLogIdentity()
        let kindAt = reader.offset
        switch try reader.read(UInt8.self) {
        case 0:
            var batches: [EncodedBatch] = []
            for _ in 0..<(try reader.readCount(limit: reader.remaining, itemBytes: smallestBatch)) {
                let limit = BatchHeader.length + BatchHeader.maxBodyLength
                batches.append(try verified(Array(try reader.readLengthPrefixed(limit: limit)), of: log))
            }
            return LogAnswer(log: log, .batches(batches))
        case 1: return LogAnswer(log: log, .otherChain)
        case 2: return LogAnswer(log: log, .gap(firstAvailable: Offset(try reader.read())))
        default: throw ByteCodingError(.invalidValue(field: "answer"), at: kindAt)
        }
    }

    private static func verified(_ bytes: [UInt8], of log: LogIdentity) throws(MirrorError) -> EncodedBatch {
        do throws(BatchError) {
            return try EncodedBatch(verifying: bytes)
        } catch {
            throw MirrorError(.corruptBatch, "\(log)", cause: error)
        }
    }
}
