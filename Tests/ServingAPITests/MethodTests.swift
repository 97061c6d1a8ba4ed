// Every rpc of the .proto files is served, and several handlers share one listener.

import ClusterModel
import Foundation
import GRPCFraming
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct MethodTests {
    /// `/package.Service/Method` of every rpc under `Sources/MeridianProtocol/proto`.
    static func declared() throws -> Set<String> {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/MeridianProtocol/proto")
        let files = try #require(FileManager.default.enumerator(atPath: root.path)).compactMap { $0 as? String }
        var paths: Set<String> = []
        for file in files where file.hasSuffix(".proto") {
            let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
            var package = ""
            var service = ""
            for line in text.split(separator: "\n") {
                if let match = line.firstMatch(of: /^package ([a-z0-9.]+);/) { package = String(match.1) }
                if let match = line.firstMatch(of: /^service (\w+) \{/) { service = String(match.1) }
                if let match = line.firstMatch(of: /^ *rpc (\w+)\(/) {
                    paths.insert("/\(package).\(service)/\(match.1)")
                }
            }
        }
        return paths
    }

    @Test func everyUserMethodIsServed() throws {
        let declared = try Self.declared().filter { path in
            // Operators have a handler of their own, and so has reflection.
            !path.contains(".OperatorService/") && !path.contains(".ServerReflection/")
        }
        #expect(declared.count > 10)
        let watch = HealthWatch(AdmissionControl(limits: AdmissionLimits()), tasks: StreamTasks(limit: 1))
        let api = try ServingFixture().api
        #expect(Set(api.methods + api.streamingMethods + watch.streamingMethods) == declared)
    }

    /// A handler that answers with its own name and the number it was called by.
    private struct Echo: CallHandler {
        let name: String
        let methods: [String]

        func handle(_ call: UnaryCall) { call.succeed(ByteBuffer(string: "\(name) \(call.method)")) }
    }

    private func answer(_ table: ServiceTable, _ method: Int) throws -> String {
        let responder = RecordingResponder()
        let token = CallToken(stream: 1, generation: 0)
        table.handle(
            UnaryCall(
                method: method, message: ByteBuffer(), metadata: CallMetadata(), deadline: nil,
                peer: PeerIdentity(certificateURI: nil, address: "test"),
                executor: SteppedEnvironment(seed: 1).environment.executors.loops[0], responder: responder,
                token: token))
        switch try #require(responder.ends(of: token).first) {
        case .reply(let bytes): return String(buffer: bytes)
        case .status(let status): return "\(status.code)"
        }
    }

    @Test func tablesPassCallsOnUnderTheHandlersOwnNumbers() throws {
        let table = try ServiceTable([
            Echo(name: "one", methods: ["/a/A", "/a/B"]), Echo(name: "two", methods: ["/b/A", "/b/B"]),
        ])
        #expect(table.methods == ["/a/A", "/a/B", "/b/A", "/b/B"])
        #expect(try (0..<5).map { try answer(table, $0) } == ["one 0", "one 1", "two 0", "two 1", "unimplemented"])
    }

    @Test func oneMethodHasOneHandler() {
        #expect(throws: ServiceTableError.duplicateMethod("/a/A")) {
            try ServiceTable([Echo(name: "one", methods: ["/a/A"]), Echo(name: "two", methods: ["/a/A"])])
        }
        let many = (0...Int(Int16.max)).map { "/a/\($0)" }
        #expect(throws: ServiceTableError.tooManyMethods(many.count)) {
            try ServiceTable([Echo(name: "one", methods: many)])
        }
    }
}
