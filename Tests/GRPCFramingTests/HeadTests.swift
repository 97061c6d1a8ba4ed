// Heads of requests and answers: what is accepted, what is refused, and with what.

import GRPCFraming
import NIOCore
import Testing

@Suite struct HeadTests {
    private let methods = MethodTable(["/a.B/C", "/a.B/D", "/a.B/C", ""])

    private func request(_ changes: [String: String?] = [:], isTruncated: Bool = false) -> RequestHead.Verdict {
        var fields: [String: String] = [
            ":method": "POST", ":path": "/a.B/D", ":scheme": "http", "te": "trailers",
            "content-type": "application/grpc",
        ]
        for (name, value) in changes { fields[name] = value }
        var head = RequestHead()
        for (name, value) in fields {
            head.onHeader(Array(name.utf8).span, Array(value.utf8).span, methods: methods)
        }
        return head.verdict(isTruncated: isTruncated)
    }

    private func code(_ verdict: RequestHead.Verdict) -> RPCStatusCode? {
        if case .refuse(let status) = verdict { status.code } else { nil }
    }

    @Test func methodsAreFoundByTheirExactPath() {
        #expect(request() == .accept(method: 1))
        #expect(request([":path": "/a.B/C"]) == .accept(method: 0))
        for path in ["/a.B/c", "/a.B/", "/a.B/DD", "a.B/D", "/"] {
            #expect(code(request([":path": path])) == .unimplemented, "\(path)")
        }
    }

    @Test func aTableFindsEachOfThousands() {
        let paths = (0..<5_000).map { "/package.Service\($0 % 7)/Method\($0)" }
        let table = MethodTable(paths)
        for (index, path) in paths.enumerated() { #expect(table.index(of: Array(path.utf8).span) == index) }
        #expect(table.index(of: Array("/package.Service0/Method1".utf8).span) == nil)
        #expect(MethodTable([]).index(of: Array("/".utf8).span) == nil)
    }

    @Test func whatIsNotGRPCIsRefusedByHTTP() {
        #expect(request([":method": "GET"]) == .refuseHTTP(status: 405))
        for type in ["text/html", "application/grpc-web", "application/grpc+json", "application/grp"] {
            #expect(request(["content-type": type]) == .refuseHTTP(status: 415), "\(type)")
        }
        for type in ["application/grpc+proto", "application/grpc;charset=utf-8"] {
            #expect(request(["content-type": type]) == .accept(method: 1), "\(type)")
        }
    }

    @Test func badHeadersHaveTheirStatuses() {
        #expect(code(request(["grpc-timeout": "soon"])) == .invalidArgument)
        #expect(code(request(["grpc-encoding": "br"])) == .unimplemented)
        #expect(request(["grpc-encoding": "gzip"]) == .accept(method: 1))
        #expect(request(["grpc-encoding": "identity"]) == .accept(method: 1))
        #expect(code(request(["x-bin": "*"])) == .invalidArgument)
        #expect(code(request(isTruncated: true)) == .resourceExhausted)
    }

    @Test func metadataIsDecodedAndReservedNamesStayOut() {
        var head = RequestHead()
        let fields = [
            ("x-a", "1"), ("user-agent", "grpc"), ("grpc-accept-encoding", "gzip"), ("t-bin", "AP8,AQ=="),
            ("te", "trailers"),
        ]
        for (name, value) in fields {
            head.onHeader(Array(name.utf8).span, Array(value.utf8).span, methods: methods)
        }
        #expect(head.metadata.entries.map(\.name) == ["x-a", "t-bin", "t-bin"])
        #expect(head.metadata.entries.map(\.value) == [[49], [0, 255], [1]])
    }

    @Test func tooManyEntriesAreRefused() {
        var decoder = MetadataDecoder()
        for number in 0...MetadataDecoder.maxEntries {
            decoder.onHeader(Array("x\(number)".utf8).span, [UInt8(ascii: "v")].span)
        }
        #expect(decoder.isMalformed)
        #expect(decoder.metadata.entries.count == MetadataDecoder.maxEntries)
    }

    @Test func onlyNamesThatMayBeSentAreSent() {
        var metadata = CallMetadata()
        for name in ["good-1_2.3", "Bad", "te", "grpc-status", ":path", "", "sp ace", "good-bin"] {
            metadata.append(name, bytes: [UInt8(ascii: "v")])
        }
        metadata.append("newline", "a\nb")
        var sent: [String] = []
        metadata.forEachEncoded { name, value in sent.append("\(name)=\(String(decoding: value, as: UTF8.self))") }
        #expect(sent == ["good-1_2.3=v", "good-bin=dg"])
    }

    // MARK: Answers

    private func answer(_ fields: [(String, String)]) -> ResponseHead {
        var head = ResponseHead()
        for (name, value) in fields { head.onHeader(Array(name.utf8).span, Array(value.utf8).span) }
        return head
    }

    @Test func answersEndWithTheirStatus() {
        let good = [(":status", "200"), ("content-type", "application/grpc")]
        #expect(answer(good + [("grpc-status", "0")]).failure == nil)
        #expect(answer(good).failure?.code == .internal)
        #expect(answer(good + [("grpc-status", "99")]).failure?.code == .unknown)
        #expect(answer(good + [("grpc-status", "x")]).failure?.code == .internal)
        let status = answer(
            good + [("grpc-status", "9"), ("grpc-message", "50%25"), ("grpc-status-details-bin", "AQI")]
        ).failure
        #expect(status == RPCStatus(.failedPrecondition, "50%", details: [1, 2]))
    }

    @Test func answersThatAreNotGRPCAreMapped() {
        #expect(answer([]).protocolFailure?.code == .internal)
        #expect(answer([(":status", "200"), ("content-type", "text/html")]).protocolFailure?.code == .unknown)
        let codes: [(String, RPCStatusCode)] = [
            ("400", .internal), ("401", .unauthenticated), ("403", .permissionDenied), ("404", .unimplemented),
            ("429", .unavailable), ("503", .unavailable), ("418", .unknown),
        ]
        for (status, code) in codes { #expect(answer([(":status", status)]).protocolFailure?.code == code) }
        // A status of gRPC wins over one of HTTP.
        #expect(answer([(":status", "503"), ("grpc-status", "5")]).failure?.code == .notFound)
    }

    @Test func resetsAreMapped() {
        let codes: [(UInt32, RPCStatusCode)] = [
            (0, .internal), (1, .internal), (7, .unavailable), (8, .cancelled), (11, .resourceExhausted),
            (12, .permissionDenied), (4_000_000_000, .internal),
        ]
        for (error, code) in codes { #expect(StatusMapping.code(forHTTP2Error: error) == code) }
    }
}
