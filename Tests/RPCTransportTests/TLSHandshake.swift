// A handshake in memory.

import HTTP2Engine
import NIOCore
import NodeEnvironment

/// Two engines and what became of them.
struct TLSHandshake {
    var client: TLSFailure?
    var server: TLSFailure?
    let clientEngine: TLSEngine
    let serverEngine: TLSEngine
    var plain = ByteBuffer()

    /// Runs until neither side has bytes for the other.
    init(
        client: TLSContext, server: TLSContext, host: String = "127.0.0.1", piecesOf size: Int = .max
    ) throws {
        clientEngine = try client.makeClientEngine(host: host)
        serverEngine = try server.makeServerEngine()
        try clientEngine.start()
        while true {
            var up = ByteBuffer()
            clientEngine.drain(into: &up)
            self.server = self.server ?? Self.feed(serverEngine, up, size, &plain)
            var down = ByteBuffer()
            serverEngine.drain(into: &down)
            self.client = self.client ?? Self.feed(clientEngine, down, size, &plain)
            if up.readableBytes == 0, down.readableBytes == 0 { return }
        }
    }

    var isGood: Bool {
        client == nil && server == nil && clientEngine.isEstablished && serverEngine.isEstablished
    }

    /// Gives `bytes` to an engine in pieces of `size`.
    static func feed(
        _ engine: TLSEngine, _ bytes: ByteBuffer, _ size: Int, _ plain: inout ByteBuffer
    ) -> TLSFailure? {
        var bytes = bytes
        while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
            do throws(TLSFailure) {
                try engine.receive(piece.readableBytesUInt8Span, into: &plain)
            } catch {
                return error
            }
        }
        return nil
    }
}

extension TLSSettings {
    init(_ role: HTTP2Role, _ identity: TLSIdentity, _ demand: Demand = .mutual, peerName: PeerName = .host) {
        self.init(
            role: role, demand: demand, authorityPath: identity.authorityPath,
            certificatePath: identity.certificatePath, keyPath: identity.keyPath,
            revocationPath: identity.revocationPath, peerName: peerName)
    }
}
