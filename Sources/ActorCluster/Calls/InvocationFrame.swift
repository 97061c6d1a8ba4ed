// The frames of one call.
//
//   request                              reply
//   0   u8   version (1)                 0   u8   version (1)
//   1   u8   zero                        1   u8   0 = value, 1 = error
//   2   u16  actor kind                  2   …    the value's encoding, or
//   4   u16  region                          u16  error code, string message (at most 512 bytes)
//   6   u16  method number
//   8   u64  actor number
//   16  …    arguments, one after another
//
// Numbers are little-endian. Valid: all bytes are used, zeros are zero. The arguments' types are the method's: they
// change only with a new method number.

package import ClusterModel

/// The head of a request.
package struct InvocationHeader: Hashable, Sendable {
    static let version: UInt8 = 1
    static let byteCount = 16

    package var actor: ActorIdentity
    package var method: UInt16

    package init(actor: ActorIdentity, method: UInt16) {
        self.actor = actor
        self.method = method
    }

    /// Writes over the first bytes of `frame`, which were kept free for it.
    func overwrite(startOf frame: inout ByteWriter) {
        frame.overwrite(Self.version, at: 0)
        frame.overwrite(UInt8(0), at: 1)
        frame.overwrite(actor.kind.rawValue, at: 2)
        frame.overwrite(actor.region.rawValue, at: 4)
        frame.overwrite(method, at: 6)
        frame.overwrite(actor.number, at: 8)
    }

    /// Leaves `reader` at the arguments.
    package init(from reader: inout ByteReader) throws(ActorCallError) {
        let fields = try Self.read(&reader)
        guard fields.version == Self.version else {
            throw ActorCallError(
                .unknownVersion, "request of version \(fields.version), this node reads \(Self.version)")
        }
        self = fields.header
    }

    private static func read(
        _ reader: inout ByteReader
    ) throws(ActorCallError) -> (version: UInt8, header: InvocationHeader) {
        do throws(ByteCodingError) {
            let version = try reader.read(UInt8.self)
            let reserved = try reader.read(UInt8.self)
            // A newer version may use the byte: its number says more than its reserved byte.
            guard reserved == 0 || version != Self.version else {
                throw ByteCodingError(.invalidValue(field: "reserved"), at: 1)
            }
            let kind = ActorKind(try reader.read())
            let region = RegionNumber(try reader.read())
            let method = try reader.read(UInt16.self)
            let actor = ActorIdentity(kind: kind, region: region, number: try reader.read())
            return (version, InvocationHeader(actor: actor, method: method))
        } catch {
            throw ActorCallError(.malformedFrame, "request: \(error)")
        }
    }
}

/// Reply frames.
enum ReplyFrame {
    static let messageBytes = 512

    /// A frame that says that a value follows.
    static func begun() -> ByteWriter {
        var writer = ByteWriter(reservingCapacity: 96)
        writer.write(InvocationHeader.version)
        writer.write(UInt8(0))
        return writer
    }

    static func failure(_ error: ActorCallError) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 64)
        writer.write(InvocationHeader.version)
        writer.write(UInt8(1))
        writer.write(error.code.rawValue)
        writer.write(Self.cut(error.message))
        return writer.bytes
    }

    /// Leaves the reader at the value; throws the error that the frame carries, or `.malformedReply`.
    static func open(_ bytes: [UInt8]) throws(ActorCallError) -> ByteReader {
        var reader = ByteReader(bytes)
        var told: ActorCallError?
        do throws(ByteCodingError) {
            guard try reader.read(UInt8.self) == InvocationHeader.version else {
                throw ByteCodingError(.invalidValue(field: "version"), at: 0)
            }
            switch try reader.read(UInt8.self) {
            case 0: break
            case 1:
                let code = ActorCallError.Code(rawValue: try reader.read())
                told = ActorCallError(code, try reader.readString(limit: messageBytes))
                try reader.expectEnd()
            default: throw ByteCodingError(.invalidValue(field: "outcome"), at: 1)
            }
        } catch {
            throw ActorCallError(.malformedReply, "\(error)")
        }
        if let told { throw told }
        return reader
    }

    /// At most `messageBytes` of UTF-8, cut between characters.
    private static func cut(_ message: String) -> String {
        guard message.utf8.count > messageBytes else { return message }
        var kept = message.prefix(messageBytes)
        while kept.utf8.count > messageBytes { kept.removeLast() }
        return String(kept)
    }
}
