// gRPC's health check. Answered whatever the load and the state, so that a load balancer learns of both.

import MeridianProtocol

/// grpc.health.v1.Health.
struct HealthService: Sendable {
    let edge: ServingEdge
    private let services: Set<String>

    init(edge: ServingEdge) {
        self.edge = edge
        services = Set(ServingMethod.allCases.map(\.service))
    }

    func check(_ open: OpenCall) {
        open.serve(Grpc_Health_V1_HealthCheckRequest.self) { request throws(Refusal) in
            guard request.service.isEmpty || services.contains(request.service) else {
                throw Refusal(.unknownService, "this node serves no service of that name")
            }
            var reply = Grpc_Health_V1_HealthCheckResponse()
            reply.status = edge.admission.state == .active ? .serving : .notServing
            open.succeed(reply)
        }
    }
}
