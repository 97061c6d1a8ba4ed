// What the compiler's thunks write arguments with, and the reflected way reads them with.

import ClusterModel
package import Distributed
import Synchronization

/// Collects arguments behind room for the header, so that a frame is built in one array.
package struct InvocationEncoder: DistributedTargetInvocationEncoder {
    package typealias SerializationRequirement = any Wire

    var frame: ByteWriter

    init() {
        frame = ByteWriter(reservingCapacity: 128)
        frame.write(UInt64(0))
        frame.write(UInt64(0))
    }

    package mutating func recordGenericSubstitution<T>(_ type: T.Type) throws {
        throw ActorCallError(.genericMethod, "\(type): generic distributed methods do not travel")
    }

    package mutating func recordArgument<Value: Wire>(_ argument: RemoteCallArgument<Value>) throws {
        argument.value.encode(into: &frame)
    }

    package mutating func recordErrorType<E: Error>(_ type: E.Type) throws {}

    package mutating func recordReturnType<R: Wire>(_ type: R.Type) throws {}

    package mutating func doneRecording() throws {}
}

/// Reads arguments for `executeDistributedTarget`.
package final class InvocationDecoder: DistributedTargetInvocationDecoder {
    package typealias SerializationRequirement = any Wire

    private var reader: ByteReader

    init(_ reader: ByteReader) { self.reader = reader }

    package func decodeGenericSubstitutions() throws -> [any Any.Type] { [] }

    package func decodeNextArgument<Argument: Wire>() throws -> Argument { try Argument(from: &reader) }

    package func decodeErrorType() throws -> (any Any.Type)? { nil }

    package func decodeReturnType() throws -> (any Any.Type)? { nil }
}

/// Takes the result of `executeDistributedTarget`.
package final class InvocationResult: DistributedTargetInvocationResultHandler {
    package typealias SerializationRequirement = any Wire

    private let outcome = Mutex<Result<ByteWriter, any Error>?>(nil)

    package func onReturn<Success: Wire>(value: Success) async throws {
        var writer = ReplyFrame.begun()
        value.encode(into: &writer)
        outcome.withLock { $0 = .success(writer) }
    }

    package func onReturnVoid() async throws { outcome.withLock { $0 = .success(ReplyFrame.begun()) } }

    package func onThrow<Err: Error>(error: Err) async throws { outcome.withLock { $0 = .failure(error) } }

    /// Throws what the method threw.
    func get() throws -> ByteWriter {
        guard let outcome = outcome.withLock({ $0 }) else {
            throw ActorCallError(.unknownMethod, "the runtime did not run the method")
        }
        return try outcome.get()
    }
}
