// The client: typed unary calls with retries, event ids, sessions and the server's time.

package import ClusterModel
import GRPCFraming
public import MeridianProtocol
import NIOCore
package import NodeEnvironment
public import SwiftProtobuf
import Synchronization

/// A client of one region. Safe to use from many tasks at once; connects lazily and again after a loss. Events keep their
/// ids over retries, so what a retry repeats counts once (S5). Close it when it is done.
public final class MeridianClient: Sendable {
    /// The bounds of a client.
    public struct Configuration: Hashable, Sendable {
        /// Used where a call has no policy of its own.
        public var retry = RetryPolicy()
        /// Users whose session tokens are kept: about 200 bytes each.
        public var sessions = 10_000

        /// Standard retries, 10,000 sessions.
        public init() {}
    }

    /// What calls share. Held for a few instructions at a time, never across a suspension.
    struct State: Sendable {
        var ids: EventIDSource
        var clock = ServerClock()
        var sessions: SessionTokenCache
        var choice: EndpointChoice
    }

    private let channels: [any CallChannel]
    private let environment: NodeEnvironment
    private let configuration: Configuration
    let state: Mutex<State>

    /// Connects to nothing yet. Throws where an endpoint or the TLS files cannot be used.
    package init(
        region: RegionEndpoints, environment: NodeEnvironment, configuration: Configuration = Configuration()
    ) throws(MeridianClientError) {
        var channels: [any CallChannel] = []
        do throws(LinkError) {
            for endpoint in region.endpoints {
                channels.append(try environment.links.channel(to: endpoint, security: region.security))
            }
        } catch {
            throw MeridianClientError(error)
        }
        self.channels = channels
        self.environment = environment
        self.configuration = configuration
        state = Mutex(
            State(
                ids: EventIDSource(client: environment.entropy.next()),
                sessions: SessionTokenCache(capacity: configuration.sessions),
                choice: EndpointChoice(count: channels.count)))
    }

    /// Closes the connections; calls under way fail with `.unavailable`. Idempotent.
    public func close() async {
        for channel in channels { await channel.close() }
    }

    /// Calls a method of any service. Retries what may succeed later within `options.timeout`.
    public func call<Request: Message, Reply: Message>(
        _ method: ServiceMethod<Request, Reply>, _ request: Request, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Reply {
        try await perform(method, request, options).reply
    }

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

    /// One call with its retries; says how many tries it took.
    func perform<Request: Message, Reply: Message>(
        _ method: ServiceMethod<Request, Reply>, _ request: Request, _ options: CallOptions
    ) async throws(MeridianClientError) -> (reply: Reply, tries: Int) {
        let message = try Self.encode(request)
        let deadline = environment.clock.bootTime().advanced(by: options.timeout)
        var schedule = RetrySchedule(options.retry ?? configuration.retry, deadline: deadline)
        while true {
            do throws(MeridianClientError) {
                return (try await attempt(method, message, schedule), schedule.failures + 1)
            } catch {
                let directive = schedule.onFailure(
                    error, at: environment.clock.bootTime(), random: environment.entropy.next())
                guard case .retry(let instant) = directive else { throw error }
                try await wait(until: instant)
            }
        }
    }

    private func attempt<Request: Message, Reply: Message>(
        _ method: ServiceMethod<Request, Reply>, _ message: ByteBuffer, _ schedule: RetrySchedule
    ) async throws(MeridianClientError) -> Reply {
        let endpoint = state.withLock { $0.choice.current }
        let sentAt = environment.clock.bootTime()
        do throws(RPCStatus) {
            let answer = try await channels[endpoint].unary(
                path: method.path, message: message, metadata: CallMetadata(),
                deadline: schedule.attemptDeadline(at: sentAt))
            let reply: Reply = try Self.decode(answer)
            let receivedAt = environment.clock.bootTime()
            let serverTime = WallTime(milliseconds: method.serverTime(reply))
            state.withLock {
                $0.clock.onAnswer(serverTime: serverTime, sentAt: sentAt, receivedAt: receivedAt)
            }
            return reply
        } catch {
            let failure = MeridianClientError(error)
            if failure.code == .unavailable { state.withLock { $0.choice.onUnavailable(endpoint) } }
            throw failure
        }
    }

    private func wait(until instant: BootInstant) async throws(MeridianClientError) {
        do {
            try await environment.clock.sleep(until: instant)
        } catch {
            throw MeridianClientError(.cancelled, "the caller was cancelled while it waited to try again")
        }
    }

    private static func encode(_ request: some Message) throws(MeridianClientError) -> ByteBuffer {
        do {
            return try request.encodedBuffer()
        } catch {
            throw MeridianClientError(.invalidArgument, "the request cannot be encoded: \(error)")
        }
    }

    private static func decode<Reply: Message>(_ answer: UnaryReply) throws(RPCStatus) -> Reply {
        do {
            return try Reply(reading: answer.message)
        } catch {
            throw RPCStatus(.internal, "the answer is not a \(Reply.protoMessageName): \(error)")
        }
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
