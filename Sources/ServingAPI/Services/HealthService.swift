// gRPC's health check. Answered whatever the load and the state, so that a load balancer learns of both.

import MeridianProtocol

/// grpc.health.v1.Health/Check.
struct HealthService: Sendable {
    let edge: ServingEdge

    func check(_ open: OpenCall) {
        open.serve(Grpc_Health_V1_HealthCheckRequest.self) { request throws(Refusal) in
            guard HealthAnswer.knows(request.service) else {
                throw Refusal(.unknownService, "this node serves no service of that name")
            }
            var reply = Grpc_Health_V1_HealthCheckResponse()
            reply.status = HealthAnswer.status(of: edge.admission.state)
            open.succeed(reply)
        }
    }
}

/// What health says of the node and its services.
enum HealthAnswer {
    private static let services = Set(ServingMethod.allCases.map(\.service))

    /// Whether there is a service of that name; the empty name is the node.
    static func knows(_ service: String) -> Bool { service.isEmpty || services.contains(service) }

    static func status(of state: ServingState) -> Grpc_Health_V1_HealthCheckResponse.ServingStatus {
        state == .active ? .serving : .notServing
    }
}
