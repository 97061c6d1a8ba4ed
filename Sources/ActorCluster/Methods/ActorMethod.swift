// One numbered method: its number on the wire, how its target is learned at start, and how it is run for a remote caller.

import ClusterModel
package import Distributed

/// An entry of `ClusterActor.methods`. `target` calls the method once, with any arguments, on the actor that it is
/// given: a proxy that only learns which target the compiler calls; the method does not run.
package struct ActorMethod<Act: DistributedActor>: Sendable where Act.ActorSystem == ClusterActorSystem {
    /// Decodes the arguments, runs the method on the actor, writes the result.
    enum Body: Sendable {
        /// On the actor's executor, without suspension.
        case direct(@Sendable (isolated Act, inout ByteReader, inout ByteWriter) throws -> Void)
        case suspending(@Sendable (isolated Act, inout ByteReader, inout ByteWriter) async throws -> Void)
        /// By the runtime's look-up of the target's mangled name: five times slower, nothing to write by hand.
        case reflected
    }

    package let number: UInt16
    let target: @Sendable (Act) async throws -> Void
    let body: Body

    /// A method that does not suspend: a call that arrives on the actor's executor is answered before it returns.
    package static func direct<each Argument: Wire, Reply: Wire>(
        _ number: UInt16, target: @escaping @Sendable (Act) async throws -> Void,
        _ method: @escaping @Sendable (isolated Act, repeat each Argument) throws -> Reply
    ) -> Self {
        let body = Body.direct { actor, reader, writer in
            let arguments = (repeat try (each Argument)(from: &reader))
            try reader.expectEnd()
            try method(actor, repeat each arguments).encode(into: &writer)
        }
        return Self(number: number, target: target, body: body)
    }

    /// A method that suspends, such as one that waits for a flush. Runs in a task of `ActorInvocationServer.run()`.
    package static func suspending<each Argument: Wire, Reply: Wire>(
        _ number: UInt16, target: @escaping @Sendable (Act) async throws -> Void,
        _ method: @escaping @Sendable (isolated Act, repeat each Argument) async throws -> Reply
    ) -> Self {
        let body = Body.suspending { actor, reader, writer in
            let arguments = (repeat try (each Argument)(from: &reader))
            try reader.expectEnd()
            try await method(actor, repeat each arguments).encode(into: &writer)
        }
        return Self(number: number, target: target, body: body)
    }

    /// A method that the runtime dispatches; also for methods without a result.
    package static func reflected(
        _ number: UInt16, target: @escaping @Sendable (Act) async throws -> Void
    ) -> Self {
        Self(number: number, target: target, body: .reflected)
    }
}
