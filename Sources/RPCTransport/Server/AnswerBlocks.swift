// The header blocks of answers.

import GRPCFraming
import HTTP2Engine

/// Builds answers' headers and trailers. Those of a plain OK are constants.
enum AnswerBlocks {
    /// Bounds of what a failure may say: callers commonly refuse header lists beyond 8 KiB.
    static let maxMessageBytes = 1_024
    static let maxDetailBytes = 4_096

    static let headers: HTTP2HeaderBlock = {
        var block = HTTP2HeaderBlock()
        block.append(":status", "200")
        block.append("content-type", "application/grpc")
        return block
    }()

    static let okTrailers: HTTP2HeaderBlock = {
        var block = HTTP2HeaderBlock()
        block.append("grpc-status", "0")
        return block
    }()

    static func trailers(_ metadata: CallMetadata) -> HTTP2HeaderBlock {
        guard !metadata.isEmpty else { return okTrailers }
        var block = okTrailers
        metadata.forEachEncoded { name, value in block.append(name, value) }
        return block
    }

    /// The headers of a stream. `encoding` is what its messages may be compressed with.
    static func streamHeaders(_ metadata: CallMetadata, encoding: MessageEncoding) -> HTTP2HeaderBlock {
        var block = headers
        block.append("grpc-accept-encoding", MessageEncoding.accepted)
        if encoding == .gzip { block.append("grpc-encoding", "gzip") }
        metadata.forEachEncoded { name, value in block.append(name, value) }
        return block
    }

    /// The end of a stream.
    static func trailers(of ending: StreamEnding) -> HTTP2HeaderBlock {
        switch ending {
        case .success(let metadata): return trailers(metadata)
        case .failure(let status):
            var block = HTTP2HeaderBlock()
            append(status, to: &block)
            return block
        }
    }

    /// A whole answer without a message.
    static func failure(_ status: RPCStatus) -> HTTP2HeaderBlock {
        var block = headers
        // So that a caller learns what it may compress with.
        if status.code == .unimplemented { block.append("grpc-accept-encoding", MessageEncoding.accepted) }
        append(status, to: &block)
        return block
    }

    private static func append(_ status: RPCStatus, to block: inout HTTP2HeaderBlock) {
        block.append("grpc-status", Array(String(status.code.rawValue).utf8))
        if !status.message.isEmpty {
            block.append("grpc-message", PercentEncoding.encode(status.message, limit: maxMessageBytes))
        }
        if !status.details.isEmpty, status.details.count <= maxDetailBytes {
            block.append("grpc-status-details-bin", Base64.encode(status.details))
        }
    }

    /// The answer to what is not gRPC.
    static func http(status: Int) -> HTTP2HeaderBlock {
        var block = HTTP2HeaderBlock()
        block.append(":status", Array(String(status).utf8))
        return block
    }
}
