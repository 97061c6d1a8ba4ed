// The receiving side: frames in, numbered methods run on their actors' executors, reply frames out.

import ClusterModel
import Distributed
import GRPCFraming
import NIOCore
package import NodeEnvironment

/// Serves `/meridian.mesh.v1.Actors/Invoke`. Every call is answered with a reply frame; a gRPC status other than OK comes
/// from the transport only. Methods that do not suspend run at once on the connection's loop where that is the actor's,
/// after one hop elsewhere; methods that suspend run in tasks of `run()`.
package final class ActorInvocationServer: CallHandler {
    package static let path = "/meridian.mesh.v1.Actors/Invoke"

    package let methods = [path]
    private let system: ClusterActorSystem
    private let clock: any NodeClock
    private let trailers: CallMetadata
    private let suspended: AsyncStream<SuspendedInvocation>
    private let queue: AsyncStream<SuspendedInvocation>.Continuation

    package init(system: ClusterActorSystem, clock: any NodeClock) {
        self.system = system
        self.clock = clock
        trailers = CallTerms.metadata(system.terms)
        (suspended, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(system.limits.suspendedCalls))
    }

    /// Runs the methods that suspend, until the task is cancelled or `shutDown` is called. Call it once.
    package func run() async {
        let limit = system.limits.suspendedCalls
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await invocation in suspended {
                if running == limit, await group.next() != nil { running -= 1 }
                group.addTask(executorPreference: invocation.executor) { await self.perform(invocation) }
                running += 1
            }
        }
    }

    /// Ends `run()` once what is queued has run.
    package func shutDown() { queue.finish() }

    package func handle(_ call: UnaryCall) {
        do throws(ActorCallError) {
            try dispatch(call)
        } catch {
            reply(call, ReplyFrame.failure(error))
        }
    }

    private func dispatch(_ call: UnaryCall) throws(ActorCallError) {
        guard call.message.readableBytes <= system.limits.frameBytes else {
            throw ActorCallError(.malformedFrame, "more than \(system.limits.frameBytes) bytes")
        }
        if let terms = system.terms, call.metadata.first(CallTerms.name) != terms.description {
            throw ActorCallError(.otherTerms, "the regions' deployments, partitions, D, F or R are not the same")
        }
        var reader = ByteReader(Array(call.message.readableBytesView))
        let header = try InvocationHeader(from: &reader)
        guard let actor = system.residents.find(header.actor), let executor = actor.id.executor else {
            throw ActorCallError(.unknownActor, "\(header.actor) does not live here")
        }
        guard let method = system.methods.byKind[header.actor.kind]?[header.method] else {
            throw ActorCallError(.unknownMethod, "kind \(header.actor.kind.rawValue) has no method \(header.method)")
        }
        let invocation = SuspendedInvocation(
            call: call, actor: actor, method: method, arguments: reader, executor: executor)
        guard case .direct(let body) = method.body else { return try enqueue(invocation) }
        if executor.isCurrent {
            perform(invocation, body)
        } else {
            executor.execute { [self] in perform(invocation, body) }
        }
    }

    private func enqueue(_ invocation: SuspendedInvocation) throws(ActorCallError) {
        switch queue.yield(invocation) {
        case .enqueued: return
        default: throw ActorCallError(.overloaded, "too many calls that suspend, or the node stops")
        }
    }

    private func perform(
        _ invocation: SuspendedInvocation,
        _ body: @Sendable (any ClusterActor, inout ByteReader, inout ByteWriter) throws -> Void
    ) {
        guard !isLate(invocation.call) else { return reply(invocation.call, Self.late) }
        var reader = invocation.arguments
        var writer = ReplyFrame.begun()
        do {
            try ClusterActorSystem.$caller.withValue(invocation.call.peer) {
                try body(invocation.actor, &reader, &writer)
            }
            answer(invocation.call, writer)
        } catch {
            reply(invocation.call, Self.failure(error))
        }
    }

    private func perform(_ invocation: SuspendedInvocation) async {
        guard !isLate(invocation.call) else { return reply(invocation.call, Self.late) }
        do {
            let writer = try await ClusterActorSystem.$caller.withValue(invocation.call.peer) {
                try await ClusterActorSystem.$deadline.withValue(invocation.call.deadline) {
                    try await outcome(of: invocation)
                }
            }
            answer(invocation.call, writer)
        } catch {
            reply(invocation.call, Self.failure(error))
        }
    }

    private func outcome(of invocation: SuspendedInvocation) async throws -> ByteWriter {
        switch invocation.method.body {
        case .suspending(let body):
            return try await body(invocation.actor, invocation.arguments, ReplyFrame.begun())
        case .direct, .reflected:
            return try await system.reflect(
                invocation.actor, target: invocation.method.target, arguments: invocation.arguments)
        }
    }

    private func answer(_ call: UnaryCall, _ writer: ByteWriter) {
        guard writer.count <= system.limits.frameBytes else {
            let error = ActorCallError(.replyTooLarge, "\(writer.count) bytes, limit \(system.limits.frameBytes)")
            return reply(call, ReplyFrame.failure(error))
        }
        reply(call, writer.bytes)
    }

    private func reply(_ call: UnaryCall, _ frame: [UInt8]) {
        call.succeed(ByteBuffer(bytes: frame), trailers: trailers)
    }

    private func isLate(_ call: UnaryCall) -> Bool {
        guard let deadline = call.deadline else { return false }
        return deadline <= clock.bootTime()
    }

    private static let late = ReplyFrame.failure(
        ActorCallError(.deadlineExceeded, "passed before the method ran"))

    /// What a caller may know of an error: a typed one as it is, any other by its type's name only.
    private static func failure(_ error: any Error) -> [UInt8] {
        switch error {
        case let error as ActorCallError: ReplyFrame.failure(error)
        case let error as ByteCodingError: ReplyFrame.failure(ActorCallError(.malformedArguments, "\(error)"))
        default: ReplyFrame.failure(ActorCallError(.methodThrew, "\(type(of: error))"))
        }
    }
}

/// A call that found its actor and method.
private struct SuspendedInvocation: Sendable {
    let call: UnaryCall
    let actor: any ClusterActor
    let method: MethodTable.Entry
    /// At the arguments.
    let arguments: ByteReader
    let executor: any NodeExecutor
}
