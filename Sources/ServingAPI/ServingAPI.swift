// The door for users' calls: what arrives is counted, bounded, decoded, judged and handed to a shard, and every answer
// is made here. Nothing below this room knows a status code.

package import ClusterModel
package import Metrics
import NIOCore
package import NodeEnvironment
package import Personalization

/// Serves every meridian.v1 service for users, and grpc.health.v1. Safe to use from all loops.
package final class ServingAPI: CallHandler {
    package let methods: [String] = ServingMethod.allCases.map(\.path)
    package let streamingMethods = [StreamService.subscribePath]

    private let edge: ServingEdge
    private let callers: CallerAccounts
    private let delivery: DeliveryService
    private let interactions: InteractionService
    private let profiles: ProfileService
    private let catalogue: CatalogService
    private let insight: InsightService
    private let health: HealthService
    private let streams: StreamService?

    /// Serves nothing but health until `admission.state` is active. `stamps` says whether the clock is to be trusted;
    /// `effects` is what StreamService reads, nil where there is none; `access` says whose consumers are whose,
    /// nil that all are everybody's.
    package init(
        identity: ServingIdentity, keys: TokenKeys, shards: any ShardRouting, content: any ContentRouting,
        admission: AdmissionControl, stamps: StampGate, clock: any NodeClock, entropy: any EntropySource,
        metrics factory: any MetricsFactory, effects: EffectDoor? = nil, access: AccessControl? = nil
    ) {
        let access =
            access
            ?? AccessControl(nil, deploymentID: identity.deploymentID, clock: clock, metrics: factory) { _ in }
        let edge = ServingEdge(
            identity: identity, keys: keys, clock: clock, entropy: entropy, admission: admission,
            access: access, stamps: stamps, metrics: factory)
        let writes = EventWrites(edge: edge, shards: shards)
        self.edge = edge
        callers = CallerAccounts(ClientCounts(deploymentID: identity.deploymentID, factory: factory))
        delivery = DeliveryService(edge: edge, shards: shards)
        interactions = InteractionService(writes: writes)
        profiles = ProfileService(writes: writes)
        catalogue = CatalogService(edge: edge, content: content)
        insight = InsightService(edge: edge, content: content)
        health = HealthService(edge: edge)
        streams = effects.map { StreamService(edge: edge, door: $0, metrics: StreamMetrics($0, factory: factory)) }
    }

    package func handle(_ call: StreamCall) {
        callers.account(of: call.peer).count()
        guard let streams else { return call.fail(Refusal.notImplemented(StreamService.subscribePath).status) }
        streams.subscribe(call)
    }

    /// Copies what is known of streams into gauges; on a thread that may block.
    package func collectStreams() { streams?.collect() }

    package func handle(_ call: UnaryCall) {
        let started = edge.clock.bootTime()
        let account = callers.account(of: call.peer)
        account.count()
        func open(isAdmitted: Bool) -> OpenCall {
            OpenCall(call: call, edge: edge, started: started, isAdmitted: isAdmitted, account: account)
        }
        guard let method = ServingMethod(rawValue: call.method) else {
            return open(isAdmitted: false).refuse(.notImplemented("method \(call.method)"))
        }
        let needsAdmission = method != .checkHealth
        if let refusal = refusal(of: call, method, account, needsAdmission: needsAdmission, at: started) {
            return open(isAdmitted: false).refuse(refusal)
        }
        route(open(isAdmitted: needsAdmission), to: method)
    }

    /// The door: looks at nothing that would have to be decoded. Nil lets the call in.
    private func refusal(
        of call: UnaryCall, _ method: ServingMethod, _ account: CallerAccount, needsAdmission: Bool,
        at now: BootInstant
    ) -> Refusal? {
        guard let priority = CallPriority(of: method, call.metadata) else { return Self.unknownPriority }
        if let deadline = call.deadline, deadline <= now {
            edge.metrics.expired(priority)
            return Self.deadlinePassed
        }
        guard needsAdmission else { return nil }
        let ticket = AdmissionTicket(
            priority: priority, bytes: call.message.readableBytes, age: now.since(call.arrivedAt ?? now), now: now,
            executor: call.executor, appends: method.appends, account: account)
        guard let refusal = edge.admission.admit(ticket) else { return nil }
        edge.metrics.shed(priority, refusal.reason)
        return refusal
    }

    private static let deadlinePassed = Refusal(
        .deadlinePassed, "the deadline had passed before the call was started"
    ).prepared()
    private static let unknownPriority = Refusal.outOfBounds(CallPriority.header, "unlock or prefetch").prepared()

    private func route(_ open: OpenCall, to method: ServingMethod) {
        switch method {
        case .nextContent: delivery.nextContent(open)
        case .report: interactions.report(open)
        case .sendBeacons: interactions.sendBeacons(open)
        case .updateProfile: profiles.update(open)
        case .erase: profiles.erase(open)
        case .setConsent: profiles.setConsent(open)
        case .publish: catalogue.publish(open)
        case .withdraw: catalogue.withdraw(open)
        case .getContent: catalogue.get(open)
        case .listContent: catalogue.list(open)
        case .popular: insight.popular(open)
        case .contentStats: insight.contentStats(open)
        case .checkHealth: health.check(open)
        case .commitCursor, .listGroups, .forgetGroup: stream(open, method)
        case .explain, .getProfile: open.refuse(.notImplemented(method.path))
        }
    }

    private func stream(_ open: OpenCall, _ method: ServingMethod) {
        guard let streams else { return open.refuse(.notImplemented(method.path)) }
        switch method {
        case .commitCursor: streams.commit(open)
        case .listGroups: streams.groups(open)
        default: streams.forget(open)
        }
    }
}
