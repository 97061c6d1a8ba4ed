// Places in logs as mirrors name them, 40 bytes each.
//
// | bytes | field                                                                  |
// |-------|------------------------------------------------------------------------|
// | 0-15  | log: region u16, topic u16, partition u32, incarnation u64             |
// | 16-23 | offset u64                                                             |
// | 24-39 | chain digest at the offset, big-endian as digests are                  |

package import ClusterModel

/// An offset of a log with the chain digest before it: equal points mean equal prefixes.
package struct LogPoint: Hashable, Sendable {
    package var log: LogIdentity
    package var offset: Offset
    package var digest: Digest128

    static let byteCount = 40

    package init(log: LogIdentity, offset: Offset, digest: Digest128) {
        self.log = log
        self.offset = offset
        self.digest = digest
    }

    /// The start of a log of which nothing is held.
    package init(startOf log: LogIdentity) { self.init(log: log, offset: .zero, digest: .zero) }

    func encode(into writer: inout ByteWriter) {
        writer.write(log)
        writer.write(offset.rawValue)
        writer.write(digest)
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        log = try reader.readLogIdentity()
        offset = Offset(try reader.read())
        digest = try reader.readDigest()
    }
}

extension ByteReader {
    /// A count of items of at least `itemBytes` each: checked against the limit and what is there before any is read.
    mutating func readCount(limit: Int, itemBytes: Int) throws(ByteCodingError) -> Int {
        let start = offset
        let count = try readVarint()
        guard count <= UInt64(clamping: limit) else {
            throw ByteCodingError(.tooLong(length: count, limit: limit), at: start)
        }
        let (needed, isOver) = Int(clamping: count).multipliedReportingOverflow(by: itemBytes)
        guard !isOver, needed <= remaining else {
            throw ByteCodingError(.truncated(needed: isOver ? .max : needed - remaining), at: start)
        }
        return Int(clamping: count)
    }

    /// The whole of a message: version and flags, then what `read` reads of it, and nothing more. `read` gets the flags.
    static func mirrorMessage<Message>(
        _ bytes: [UInt8], _ name: String, version: UInt8, flags known: UInt8 = 0,
        _ read: (inout ByteReader, UInt8) throws -> Message
    ) throws(MirrorError) -> Message {
        var reader = ByteReader(bytes)
        let flags = try reader.readMirrorVersion(version, flags: known)
        do {
            let message = try read(&reader, flags)
            try reader.expectEnd()
            return message
        } catch let error as MirrorError {
            throw error
        } catch {
            throw MirrorError(.malformedFrame, "\(name): \(error)")
        }
    }

    /// The version byte and the flags after it, of which `flags` may be set.
    private mutating func readMirrorVersion(_ version: UInt8, flags known: UInt8) throws(MirrorError) -> UInt8 {
        let found: UInt8
        let flags: UInt8
        do throws(ByteCodingError) {
            found = try read()
            flags = try read()
        } catch {
            throw MirrorError(.malformedFrame, "\(error)")
        }
        guard found == version else {
            throw MirrorError(.unknownVersion, "version \(found), this node reads \(version)")
        }
        guard flags & ~known == 0 else { throw MirrorError(.malformedFrame, "reserved flags are not zero") }
        return flags
    }
}
