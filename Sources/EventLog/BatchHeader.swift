// The fixed header of a record batch: 128 bytes, little-endian.
//
// | bytes   | field                                                                            |
// |---------|----------------------------------------------------------------------------------|
// | 0-3     | magic "MRDB"                                                                     |
// | 4-7     | header CRC32C, over bytes 8-127                                                  |
// | 8       | format, 1                                                                        |
// | 9       | codec: 0 none, 1 LZ4 block                                                       |
// | 10-11   | flags, zero                                                                      |
// | 12-15   | body CRC32C, over the compressed body                                            |
// | 16-17   | region                                                                           |
// | 18-19   | topic                                                                            |
// | 20-23   | partition                                                                        |
// | 24-31   | incarnation                                                                      |
// | 32-39   | epoch                                                                            |
// | 40-47   | base offset                                                                      |
// | 48-51   | count of records, at least 1                                                     |
// | 52-55   | body length, compressed                                                          |
// | 56-59   | raw length                                                                       |
// | 60-63   | zero                                                                             |
// | 64-71   | first hybrid stamp                                                               |
// | 72-79   | last hybrid stamp                                                                |
// | 80-87   | producer id, 0 for none                                                          |
// | 88-91   | producer epoch                                                                   |
// | 92-95   | producer sequence                                                                |
// | 96-111  | chain digest before this batch, big-endian as digests are                        |
// | 112-127 | zero                                                                             |
//
// The CRC stands before format, codec and flags so that it covers them too. A header is valid when the magic, the CRC,
// the format, the codec, the zeros and the lengths are, in that order. Nothing node-local is in it.

package import ClusterModel

/// The decoded header of a batch.
package struct BatchHeader: Hashable, Sendable {
    package enum Codec: UInt8, Hashable, Sendable {
        case none = 0
        case lz4 = 1
    }

    /// Who sent the batch, for idempotent producers: each appends a (id, epoch, sequence) once to a line (ProducerTable).
    /// Zeros for none.
    package struct Producer: Hashable, Sendable {
        /// Not 0.
        package var id: UInt64
        /// Grows when another process takes the producer's place; the former ones are fenced.
        package var epoch: UInt32
        /// From 0 on in every epoch, without gaps.
        package var sequence: UInt32

        package init(id: UInt64, epoch: UInt32, sequence: UInt32) {
            self.id = id
            self.epoch = epoch
            self.sequence = sequence
        }

        package static let none = Producer(id: 0, epoch: 0, sequence: 0)
    }

    package var codec: Codec
    package var bodyCRC: UInt32
    package var log: LogIdentity
    package var epoch: Epoch
    package var baseOffset: Offset
    package var count: UInt32
    package var bodyLength: UInt32
    package var rawLength: UInt32
    package var firstStamp: HybridStamp
    package var lastStamp: HybridStamp
    package var producer: Producer
    package var previousDigest: Digest128

    package static let length = 128
    package static let magic: UInt32 = 0x4244_524d  // "MRDB"
    package static let format: UInt8 = 1
    /// The largest body, raw and compressed.
    package static let maxBodyLength = 4 << 20
    package static let maxRecords = 65_536

    package init(
        codec: Codec, bodyCRC: UInt32, log: LogIdentity, epoch: Epoch, baseOffset: Offset, count: UInt32,
        bodyLength: UInt32, rawLength: UInt32, firstStamp: HybridStamp, lastStamp: HybridStamp, producer: Producer,
        previousDigest: Digest128
    ) {
        self.codec = codec
        self.bodyCRC = bodyCRC
        self.log = log
        self.epoch = epoch
        self.baseOffset = baseOffset
        self.count = count
        self.bodyLength = bodyLength
        self.rawLength = rawLength
        self.firstStamp = firstStamp
        self.lastStamp = lastStamp
        self.producer = producer
        self.previousDigest = previousDigest
    }
}
