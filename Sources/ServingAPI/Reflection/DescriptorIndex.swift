// The descriptors of our .proto files, found by file and by symbol.

import GRPCFraming
import MeridianProtocol
import SwiftProtobuf

/// Built once from the generated descriptor set. A value.
struct DescriptorIndex: Sendable {
    private struct File: Sendable {
        var encoded: [UInt8]
        var dependencies: [String]
    }

    private var files: [String: File] = [:]
    private var fileOfSymbol: [String: String] = [:]

    /// The descriptors of MeridianProtocol; empty where they cannot be read, which a test rules out.
    init() {
        let text = Array(ProtocolDescriptors.base64.utf8)
        guard let bytes = Base64.decode(text.span, in: 0..<text.count),
            // Generated code: broken descriptors answer as if there were none.
            let set = try? Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)
        else { return }
        for file in set.file { add(file) }
    }

    /// The encoded file and everything that it imports, itself first. Nil when there is no such file.
    func closure(ofFile name: String) -> [[UInt8]]? {
        guard files[name] != nil else { return nil }
        var encoded: [[UInt8]] = []
        var seen: Set<String> = []
        // Each file once: imports cannot go in circles.
        var open = [name]
        while let next = open.popLast() {
            guard seen.insert(next).inserted, let file = files[next] else { continue }
            encoded.append(file.encoded)
            open += file.dependencies
        }
        return encoded
    }

    /// The same for the file that declares `symbol`: a service, a method, a message, a field, an enum.
    func closure(ofSymbol symbol: String) -> [[UInt8]]? {
        fileOfSymbol[symbol].flatMap { closure(ofFile: $0) }
    }

    private mutating func add(_ file: Google_Protobuf_FileDescriptorProto) {
        // Encodes what was decoded a moment ago: cannot fail.
        guard let encoded: [UInt8] = try? file.serializedBytes() else { return }
        files[file.name] = File(encoded: encoded, dependencies: file.dependency)
        let scope = file.package.isEmpty ? "" : file.package + "."
        for service in file.service {
            fileOfSymbol[scope + service.name] = file.name
            for method in service.method { fileOfSymbol["\(scope)\(service.name).\(method.name)"] = file.name }
        }
        for kind in file.enumType { fileOfSymbol[scope + kind.name] = file.name }
        for message in file.messageType { add(message, scope, file.name, depth: 0) }
    }

    /// Nested types, a few levels deep.
    private mutating func add(
        _ message: Google_Protobuf_DescriptorProto, _ scope: String, _ file: String, depth: Int
    ) {
        guard depth < 8 else { return }
        let name = scope + message.name
        fileOfSymbol[name] = file
        for field in message.field { fileOfSymbol["\(name).\(field.name)"] = file }
        for kind in message.enumType { fileOfSymbol["\(name).\(kind.name)"] = file }
        for nested in message.nestedType { add(nested, name + ".", file, depth: depth + 1) }
    }
}
