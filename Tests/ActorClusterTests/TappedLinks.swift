// Links that note every request and answer with minus two.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

final class TappedLinks: Links {
    private let seen = Mutex<[(path: String, frame: [UInt8])]>([])

    var requests: [[UInt8]] { seen.withLock { $0.map(\.frame) } }
    var paths: [String] { seen.withLock { $0.map(\.path) } }

    func listen(
        on endpoint: Endpoint, security: LinkSecurity, handler: any CallHandler
    ) async throws(LinkError) -> any Listener { throw LinkError(.badAddress, "not for listening") }

    func servePages(on endpoint: Endpoint, handler: any PageHandler) async throws(LinkError) -> any Listener {
        throw LinkError(.badAddress, "not for listening")
    }

    func channel(to endpoint: Endpoint, security: LinkSecurity) throws(LinkError) -> any CallChannel {
        TappedChannel(links: self)
    }

    private struct TappedChannel: CallChannel {
        let links: TappedLinks

        func unary(
            path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
        ) async throws(RPCStatus) -> UnaryReply {
            links.seen.withLock { $0.append((path, Array(message.readableBytesView))) }
            return UnaryReply(message: ByteBuffer(bytes: [1, 0, 0xfe] + [UInt8](repeating: 0xff, count: 7)))
        }

        func close() async {}
    }
}
