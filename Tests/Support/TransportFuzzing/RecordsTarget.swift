// TLS records, a byte at a time, before and after the handshake.

import HTTP2Engine
import NIOCore

/// A client's flights, read by a server that asks for certificates; and what follows them.
package struct RecordsTarget: FuzzTarget {
    package let name = "records"
    package let keptBytes = 0
    package let seeds: [[UInt8]]
    private let server: TLSContext
    private let client: TLSContext

    /// PEM files of one authority and one certificate that serves both sides at 127.0.0.1.
    package init(authorityPath: String, certificatePath: String, keyPath: String) throws {
        func settings(_ role: HTTP2Role) -> TLSSettings {
            TLSSettings(
                role: role, demand: .mutual, authorityPath: authorityPath, certificatePath: certificatePath,
                keyPath: keyPath)
        }
        server = try TLSContext(settings(.server))
        client = try TLSContext(settings(.client))
        let hello = try client.makeClientEngine(host: "127.0.0.1")
        try hello.start()
        var bytes = ByteBuffer()
        hello.drain(into: &bytes)
        // An alert, an empty record, a record of application data that nobody can read.
        seeds = [
            Array(bytes.readableBytesView), [21, 3, 3, 0, 2, 2, 40], [23, 3, 3, 0, 0],
            [23, 3, 3, 0, 20] + [UInt8](repeating: 9, count: 20),
        ]
    }

    package func run(_ input: [UInt8]) throws {
        // One input in eight damages what follows a good handshake, which costs a good deal more.
        if input.count % 8 == 0 { return try runEstablished(input) }
        try feed(try server.makeServerEngine(), input)
    }

    private func runEstablished(_ input: [UInt8]) throws {
        let caller = try client.makeClientEngine(host: "127.0.0.1")
        let answerer = try server.makeServerEngine()
        try caller.start()
        var plain = ByteBuffer()
        for _ in 0..<4 {
            var bytes = ByteBuffer()
            caller.drain(into: &bytes)
            try answerer.receive(bytes.readableBytesUInt8Span, into: &plain)
            bytes.clear()
            answerer.drain(into: &bytes)
            try caller.receive(bytes.readableBytesUInt8Span, into: &plain)
        }
        guard caller.isEstablished, answerer.isEstablished else { throw FuzzFinding("a good handshake failed") }
        try feed(answerer, input)
    }

    private func feed(_ engine: TLSEngine, _ input: [UInt8]) throws {
        var plain = ByteBuffer()
        do throws(TLSFailure) {
            for index in input.indices { try engine.receive(input.span.extracting(index..<index + 1), into: &plain) }
        } catch {
            // A refusal is the usual end.
        }
        var output = ByteBuffer()
        engine.drain(into: &output)
        guard plain.readableBytes == 0 else { throw FuzzFinding("\(plain.readableBytes) bytes passed as plain text") }
        guard output.readableBytes < 100_000 else { throw FuzzFinding("\(output.readableBytes) bytes of answers") }
    }
}
