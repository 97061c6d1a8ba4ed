// Messages go through ByteBuffers and come back whole; hostile bytes are refused.

import MeridianProtocol
import NIOCore
import SwiftProtobuf
import Testing

@Suite struct ProtobufBytesTests {
    @Test func messagesReadBack() throws {
        var request = Meridian_V1_ReportRequest()
        request.userID = "user-1"
        var buffer = try request.encodedBuffer()
        #expect(buffer.readableBytes > 0)
        #expect(try Meridian_V1_ReportRequest(reading: buffer) == request)
        // Trailing half of a field is an error, never a partial message.
        buffer.moveWriterIndex(to: buffer.writerIndex - 1)
        #expect(throws: (any Error).self) { try Meridian_V1_ReportRequest(reading: buffer) }
    }
}
