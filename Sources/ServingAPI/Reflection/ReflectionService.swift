// Server reflection (grpc/doc/server-reflection.md): tools learn what a listener serves, and in which messages.

import FoundationEssentials
import GRPCFraming
import MeridianProtocol
package import NodeEnvironment
import SwiftProtobuf

/// Answers under both names of the service, whose messages are the same on the wire. Its handlers run in `tasks`, which
/// the node runs.
package final class ReflectionService: CallHandler {
    package let methods: [String] = []
    package let streamingMethods = [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ]
    private let services: [String]
    private let index = DescriptorIndex()
    private let tasks: StreamTasks

    /// Tells of the services of `handlers`, and of itself.
    package init(of handlers: [any CallHandler], tasks: StreamTasks) {
        self.tasks = tasks
        let paths = handlers.flatMap { $0.methods + $0.streamingMethods } + streamingMethods
        services = Set(paths.compactMap { $0.split(separator: "/").first.map(String.init) }).sorted()
    }

    /// There are no unary methods.
    package func handle(_ call: UnaryCall) { call.fail(RPCStatus(.unimplemented, "reflection is a stream")) }

    package func handle(_ call: StreamCall) {
        tasks.start(call) { [self] call in
            for try await message in call.messages {
                // The decoder's words are about bytes; the caller is told what to change.
                guard let request = try? Grpc_Reflection_V1_ServerReflectionRequest(reading: message) else {
                    throw RPCStatus(.invalidArgument, "the request cannot be read")
                }
                try await call.send(answer(to: request).encodedBuffer())
            }
        }
    }

    func answer(
        to request: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse {
        var response = Grpc_Reflection_V1_ServerReflectionResponse()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            response.listServicesResponse.service = services.map { name in
                var service = Grpc_Reflection_V1_ServiceResponse()
                service.name = name
                return service
            }
        case .fileByFilename(let name): describe(index.closure(ofFile: name), name, in: &response)
        case .fileContainingSymbol(let symbol): describe(index.closure(ofSymbol: symbol), symbol, in: &response)
        // Our protocol is proto3: there are no extensions.
        case .fileContainingExtension(let sought): describe(nil, sought.containingType, in: &response)
        case .allExtensionNumbersOfType(let type):
            guard index.closure(ofSymbol: type) != nil else { return failed(response, .notFound, type) }
            response.allExtensionNumbersResponse.baseTypeName = type
        case nil: return failed(response, .invalidArgument, "the request asks nothing")
        }
        return response
    }

    private func describe(
        _ files: [[UInt8]]?, _ name: String, in response: inout Grpc_Reflection_V1_ServerReflectionResponse
    ) {
        guard let files else {
            response = failed(response, .notFound, name)
            return
        }
        response.fileDescriptorResponse.fileDescriptorProto = files.map { .init($0) }
    }

    private func failed(
        _ response: Grpc_Reflection_V1_ServerReflectionResponse, _ code: RPCStatusCode, _ message: String
    ) -> Grpc_Reflection_V1_ServerReflectionResponse {
        var response = response
        response.errorResponse.errorCode = Int32(code.rawValue)
        response.errorResponse.errorMessage = message
        return response
    }
}
