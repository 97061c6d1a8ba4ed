// Golden bytes of the batch format, computed from the byte tables by an independent program.
// A change that breaks these breaks every log in the field.

import ClusterModel
import Testing

@testable import EventLog

@Suite struct GoldenBatchTests {
    private static let golden = """
        4d524442b6c141e101000000b23928bf0700010003000000efcdab896745230109000000000000004d00000000000000
        0100000028000000280000000000000001000068e5cf8b0101000068e5cf8b0103000000000000000400000005000000
        0000000000000001000000000000000200000000000000000000000000000000240000002100010001000068e5cf8b01
        00000068e5cf8b012a000000000000006d6572696469616e
        """

    private static func batch() throws -> EncodedBatch {
        let record = EventRecord(
            kind: .interaction, version: 1, stamp: HybridStamp(rawValue: 0x018b_cfe5_6800_0001),
            id: EventID(time: 0x018b_cfe5_6800_0000, client: 42), body: Array("meridian".utf8))
        return try EncodedBatch(
            sealing: [record], of: BatchSource.log, epoch: Epoch(9), baseOffset: Offset(77),
            previousDigest: Digest128(high: 1, low: 2),
            producer: BatchHeader.Producer(id: 3, epoch: 4, sequence: 5))
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    @Test func batchBytesAreGolden() throws {
        #expect(Self.hex(try Self.batch().bytes) == Self.golden.filter { !$0.isWhitespace })
    }

    @Test func chainDigestIsGolden() throws {
        #expect(try Self.batch().chainDigest.description == "ec4407212052829a8ab2c39a8b606e99")
    }
}
