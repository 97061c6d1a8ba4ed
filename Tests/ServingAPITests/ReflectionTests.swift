// What tools learn of a listener: its services, and the files that declare them.

import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import SwiftProtobuf
import Testing

@testable import ServingAPI

@Suite struct ReflectionTests {
    private func service() throws -> ReflectionService {
        ReflectionService(of: [try ServingFixture().api], tasks: StreamTasks(limit: 1))
    }

    private func files(_ response: Grpc_Reflection_V1_ServerReflectionResponse) throws -> [String] {
        try response.fileDescriptorResponse.fileDescriptorProto.map {
            try Google_Protobuf_FileDescriptorProto(serializedBytes: $0).name
        }
    }

    @Test func everyServiceIsListedAndDescribed() throws {
        let reflection = try service()
        var request = Grpc_Reflection_V1_ServerReflectionRequest()
        request.listServices = "*"
        let listed = reflection.answer(to: request).listServicesResponse.service.map(\.name)
        #expect(listed.contains("meridian.v1.DeliveryService") && listed.contains("grpc.health.v1.Health"))
        #expect(listed.contains("grpc.reflection.v1.ServerReflection"))
        for name in listed {
            request.fileContainingSymbol = name
            let answer = reflection.answer(to: request)
            #expect(answer.originalRequest == request)
            #expect(try files(answer).isEmpty == false, "\(name)")
        }
    }

    @Test func filesComeWithTheirImports() throws {
        let reflection = try service()
        var request = Grpc_Reflection_V1_ServerReflectionRequest()
        request.fileByFilename = "google/rpc/status.proto"
        #expect(try files(reflection.answer(to: request)) == ["google/rpc/status.proto", "google/protobuf/any.proto"])
        request.fileContainingSymbol = "google.rpc.Status.code"
        #expect(try files(reflection.answer(to: request)).first == "google/rpc/status.proto")
        request.fileContainingSymbol = "meridian.v1.DeliveryService.NextContent"
        #expect(try files(reflection.answer(to: request)).first == "meridian/v1/delivery.proto")
    }

    @Test func whatIsNotThereIsNotFound() throws {
        let reflection = try service()
        var request = Grpc_Reflection_V1_ServerReflectionRequest()
        #expect(reflection.answer(to: request).errorResponse.errorCode == 3)
        request.fileByFilename = "nothing.proto"
        #expect(reflection.answer(to: request).errorResponse.errorCode == 5)
        request.fileContainingSymbol = "meridian.v1.Nothing"
        #expect(reflection.answer(to: request).errorResponse.errorCode == 5)
        request.fileContainingExtension.containingType = "google.rpc.Status"
        #expect(reflection.answer(to: request).errorResponse.errorCode == 5)
        request.allExtensionNumbersOfType = "google.rpc.Status"
        #expect(reflection.answer(to: request).allExtensionNumbersResponse.extensionNumber == [])
    }
}
