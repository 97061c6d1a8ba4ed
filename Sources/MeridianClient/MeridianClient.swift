// The client: typed unary calls over regions, with retries, event ids, sessions and the server's time.

package import ClusterModel
public import MeridianProtocol
package import NodeEnvironment
public import SwiftProtobuf
import Synchronization

/// A client of one or more regions of a deployment. Safe to use from many tasks at once; connects lazily and again after
/// a loss; close it when it is done.
///
/// Calls go to the first region, *home*, while it serves. A region that refuses, breaks off, answers nothing or says that
/// it is draining, fenced or rebuilding loses its calls to the next region at once, within the deadline that the caller
/// gave; they come back once home has answered again for a while (`FailoverPolicy`). Events keep their ids wherever they
/// go, so what is sent twice counts once (S5): an answer DUPLICATE is the success of an earlier attempt. The user's
/// session token goes along, so that any region shows a user what the user wrote, or says that it cannot yet (S12). The
/// server's time is calibrated over all regions (S4).
///
/// A client that runs for long may also run `run()`: it finds out about regions by cheap calls, so that users' calls need
/// not.
public final class MeridianClient: Sendable {
    /// The bounds of a client.
    public struct Configuration: Hashable, Sendable {
        /// Used where a call has no policy of its own.
        public var retry = RetryPolicy()
        /// When calls turn to another region.
        public var failover = FailoverPolicy()
        /// Reads: when a second region is asked as well; nil for never.
        public var hedgeReadsAfter: Duration?
        /// Users whose session tokens are kept: about 200 bytes each.
        public var sessions = 10_000
        /// How many calls are repeated that a server refused for overload.
        public var retryBudget = RetryBudgetPolicy()
        /// When calls are turned away unsent, since a region refuses most of them for overload; nil for never.
        public var throttle: ThrottlePolicy? = ThrottlePolicy()

        /// Standard retries and failover, no hedging, 10,000 sessions.
        public init() {}
    }

    /// What calls share. Held for a few instructions at a time, never across a suspension.
    struct State: Sendable {
        var ids: EventIDSource
        var clock = ServerClock()
        var sessions: SessionTokenCache
        var choice: RegionChoice
        var counts: ClientCounts
        var retries: RetryBudget
        var throttles: CallThrottles
        var isClosed = false
    }

    /// Regions that one client may know.
    public static let maxRegions = RegionSet.capacity

    let regions: [RegionEndpoints]
    /// By region, then by endpoint.
    let channels: [[any CallChannel]]
    let environment: NodeEnvironment
    let configuration: Configuration
    let state: Mutex<State>

    /// A client of several regions, the first of them home, the others in the order in which calls turn to them.
    /// Connects to nothing yet. Throws `.badEndpoint` where an endpoint or the TLS files cannot be used, or where two
    /// regions have one name, and for none or more than `maxRegions`.
    package init(
        regions: [RegionEndpoints], environment: NodeEnvironment, configuration: Configuration = Configuration()
    ) throws(MeridianClientError) {
        guard !regions.isEmpty, regions.count <= Self.maxRegions else {
            throw MeridianClientError(.badEndpoint, "a client takes 1 to \(Self.maxRegions) regions")
        }
        guard Set(regions.map(\.name)).count == regions.count else {
            throw MeridianClientError(.badEndpoint, "each region needs a name of its own")
        }
        channels = try Self.channels(to: regions, environment.links)
        self.regions = regions
        self.environment = environment
        self.configuration = configuration
        state = Mutex(
            State(
                ids: EventIDSource(client: environment.entropy.next()),
                sessions: SessionTokenCache(capacity: configuration.sessions),
                choice: RegionChoice(
                    endpoints: regions.map(\.endpoints.count), policy: configuration.failover,
                    seed: environment.entropy.next()),
                counts: ClientCounts(regions: regions.count),
                retries: RetryBudget(configuration.retryBudget),
                throttles: CallThrottles(regions: regions.count, configuration.throttle)))
    }

    /// A client of one region.
    package convenience init(
        region: RegionEndpoints, environment: NodeEnvironment, configuration: Configuration = Configuration()
    ) throws(MeridianClientError) {
        try self.init(regions: [region], environment: environment, configuration: configuration)
    }

    /// Closes the connections; calls under way fail with `.unavailable`. Idempotent.
    public func close() async {
        state.withLock { $0.isClosed = true }
        for region in channels {
            for channel in region { await channel.close() }
        }
    }

    /// Calls a method of any service. Goes on to other regions and retries what may succeed later, within
    /// `options.timeout`. What it throws names every region that was tried.
    public func call<Request: Message, Reply: Message>(
        _ method: ServiceMethod<Request, Reply>, _ request: Request, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Reply {
        try await answer(to: method, request, options: options).reply
    }

    /// As `call`, and says which region answered and what had failed before.
    public func answer<Request: Message, Reply: Message>(
        to method: ServiceMethod<Request, Reply>, _ request: Request, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> CallAnswer<Reply> {
        try await perform(method, request, options, by: deadline(of: options))
    }

    /// The regions' names, home first.
    public var regionNames: [String] { regions.map(\.name) }

    // MARK: Time and ids

    /// The server's time as far as this client knows it, milliseconds since 1970.
    public var serverTimeMilliseconds: UInt64 { serverTime().milliseconds }

    package func serverTime() -> WallTime {
        state.withLock { $0.clock.now(at: environment.clock.bootTime(), wall: environment.clock.wallTime()) }
    }

    /// The id of a new event: keep it over every retry of that event. Unique and growing (S4).
    public func makeEventID() -> Meridian_V1_EventID {
        let boot = environment.clock.bootTime()
        let wall = environment.clock.wallTime()
        let id = state.withLock { $0.ids.next(at: $0.clock.now(at: boot, wall: wall)) }
        return Meridian_V1_EventID(id)
    }

    /// Begins new ids from the server's time, as another client; for ids that were refused as too far in the future.
    func restartEventIDs() {
        let client = environment.entropy.next()
        state.withLock { $0.ids.restart(client: client) }
    }

    /// The end of everything that one call of the caller's sets off.
    func deadline(of options: CallOptions) -> BootInstant {
        environment.clock.bootTime().advanced(by: options.timeout)
    }

    private static func channels(
        to regions: [RegionEndpoints], _ links: any Links
    ) throws(MeridianClientError) -> [[any CallChannel]] {
        var channels: [[any CallChannel]] = []
        do throws(LinkError) {
            for region in regions {
                var nodes: [any CallChannel] = []
                for endpoint in region.endpoints {
                    nodes.append(try links.channel(to: endpoint, security: region.security))
                }
                channels.append(nodes)
            }
        } catch {
            throw MeridianClientError(error)
        }
        return channels
    }
}

extension Meridian_V1_EventID {
    package init(_ id: EventID) {
        self.init()
        time = id.time
        client = id.client
    }
}

extension EventID {
    package init(_ id: Meridian_V1_EventID) { self.init(time: id.time, client: id.client) }
}
