// gRPC's health watch: a stream that says how the node is, and again whenever that changes.

import GRPCFraming
import MeridianProtocol
import NIOCore
package import NodeEnvironment

/// grpc.health.v1.Health/Watch. Its handlers run in `tasks`, which the node runs.
package final class HealthWatch: CallHandler {
    package let methods: [String] = []
    package let streamingMethods = ["/grpc.health.v1.Health/Watch"]
    private let admission: AdmissionControl
    private let tasks: StreamTasks

    /// Tells what `admission.state` is.
    package init(_ admission: AdmissionControl, tasks: StreamTasks) {
        self.admission = admission
        self.tasks = tasks
    }

    /// There are no unary methods.
    package func handle(_ call: UnaryCall) { call.fail(RPCStatus(.unimplemented, "the watch is a stream")) }

    package func handle(_ call: StreamCall) {
        let admission = admission
        tasks.start(call) { call in
            guard let message = try await call.next() else {
                throw RPCStatus(.invalidArgument, "a watch begins with a request")
            }
            // The decoder's words are about bytes; the caller is told what to change.
            guard let request = try? Grpc_Health_V1_HealthCheckRequest(reading: message) else {
                throw RPCStatus(.invalidArgument, "the request cannot be read")
            }
            try await Self.tell(call, request.service, of: admission)
        }
    }

    private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    private static func tell(
        _ call: StreamCall, _ service: String, of admission: AdmissionControl
    ) async throws(RPCStatus) {
        let isKnown = HealthAnswer.knows(service)
        var last: Status?
        for await state in admission.states() {
            // A service that is not there is no failure: it may come with another version (health.proto).
            let status = isKnown ? HealthAnswer.status(of: state) : .serviceUnknown
            guard status != last else { continue }
            last = status
            try await call.send(message(status))
        }
        // Cancelled: the caller is gone, and hears nothing; or the node stops, and its watchers are told.
        if last == .serving { try await call.send(message(.notServing)) }
        throw RPCStatus(.unavailable, "the node stops")
    }

    private static func message(_ status: Status) throws(RPCStatus) -> ByteBuffer {
        var reply = Grpc_Health_V1_HealthCheckResponse()
        reply.status = status
        do {
            return try reply.encodedBuffer()
        } catch {
            throw RPCStatus(.internal, "the reply could not be encoded")
        }
    }
}
