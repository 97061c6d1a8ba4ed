// gRPC's health watch: a stream that says how the node is, and again whenever that changes.

import GRPCFraming
import MeridianProtocol
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

    private static func tell(_ call: StreamCall, _ service: String, of admission: AdmissionControl) async throws {
        let isKnown = HealthAnswer.knows(service)
        var last: Grpc_Health_V1_HealthCheckResponse.ServingStatus?
        func say(_ status: Grpc_Health_V1_HealthCheckResponse.ServingStatus) async throws {
            guard last != status else { return }
            last = status
            var reply = Grpc_Health_V1_HealthCheckResponse()
            reply.status = status
            try await call.send(reply.encodedBuffer())
        }
        for await state in admission.states() {
            // A service that is not there is no failure: it may come with another version (health.proto).
            try await say(isKnown ? HealthAnswer.status(of: state) : .serviceUnknown)
        }
        // Cancelled: the caller is gone, and hears nothing; or the node stops, and its watchers are told.
        try await say(isKnown ? .notServing : .serviceUnknown)
        throw RPCStatus(.unavailable, "the node stops")
    }
}
