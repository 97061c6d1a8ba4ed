// meridian.v1.NextContentReply in wire format. Field numbers are those of delivery.proto; a test compares with protobuf's
// own encoder.

import ClusterModel
import MergeableState
import NIOCore
import Personalization

/// All that a reply says.
struct SlateReply {
    let slate: Slate
    let region: RegionNumber
    let stalenessMilliseconds: UInt64
    let sessionToken: [UInt8]
    /// The request's session is of a key that this region does not have.
    let isSessionUnopened: Bool
    let serverTime: WallTime
    let seed: UInt64
    let keyring: TokenKeyring

    /// The encoded message. Throws for an item whose id or language no token has room for.
    func encoded() throws(TokenError) -> ByteBuffer {
        var writer = ProtobufWriter(reservingCapacity: 128 + 128 * slate.items.count)
        writer.write(1, bytes: slate.id.bytes)
        for item in slate.items { try write(item, into: &writer) }
        writer.write(3, varint: UInt64(slate.tier.rawValue))
        writer.write(4, varint: UInt64(region.rawValue))
        for entry in slate.applied.entries { write(entry, into: &writer) }
        writer.write(6, varint: stalenessMilliseconds)
        writer.write(7, varint: slate.modelVersion)
        writer.write(8, bytes: sessionToken)
        if let session = slate.session {
            writer.writePresent(9, bool: session.isSatisfied)
            writer.write(10, varint: session.lost.isEmpty ? 0 : 1)
        } else if isSessionUnopened {
            writer.writePresent(9, bool: false)
        }
        writer.write(11, varint: serverTime.milliseconds)
        writer.write(12, fixed64: seed)
        return writer.buffer
    }

    private func write(_ item: Slate.Item, into writer: inout ProtobufWriter) throws(TokenError) {
        let token = try ItemToken(
            contentID: item.contentID, category: item.attributes.category, language: item.attributes.language
        ).sealed(with: keyring)
        let (slot, reason) = (UInt64(item.slot), UInt64(item.reason.rawValue))
        writer.beginNested(
            2,
            count: ProtobufWriter.size(bytes: item.contentID.utf8.count) + ProtobufWriter.size(bytes: token.count)
                + ProtobufWriter.size(varint: slot) + ProtobufWriter.size(float: item.propensity)
                + ProtobufWriter.size(varint: reason))
        writer.write(1, text: item.contentID)
        writer.write(2, bytes: token)
        writer.write(3, varint: slot)
        writer.write(4, float: item.propensity)
        writer.write(5, varint: reason)
    }

    private func write(_ entry: VersionVector.Entry, into writer: inout ProtobufWriter) {
        let region = UInt64(entry.region.rawValue)
        let (incarnation, next) = (entry.incarnation.rawValue, entry.next.rawValue)
        writer.beginNested(
            5,
            count: ProtobufWriter.size(varint: region) + ProtobufWriter.size(fixed64: incarnation)
                + ProtobufWriter.size(varint: next))
        writer.write(1, varint: region)
        writer.write(2, fixed64: incarnation)
        writer.write(3, varint: next)
    }
}
