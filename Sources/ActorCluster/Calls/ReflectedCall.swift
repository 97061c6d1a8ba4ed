// The runtime's own dispatch by mangled names: the fallback for methods without a hand-written body, and what the
// hand-written ones are tested against.

package import ClusterModel
import Distributed

extension ClusterActorSystem {
    /// Runs `target` on `actor` and returns the reply frame; throws what the method threw. 3-4 us a call.
    package func reflect(_ actor: any ClusterActor, target: String, arguments: ByteReader) async throws -> ByteWriter {
        try await reflect(opened: actor, target: target, arguments: arguments)
    }

    private func reflect<Act: ClusterActor>(
        opened actor: Act, target: String, arguments: ByteReader
    ) async throws -> ByteWriter {
        var decoder = InvocationDecoder(arguments)
        let result = InvocationResult()
        try await executeDistributedTarget(
            on: actor, target: RemoteCallTarget(target), invocationDecoder: &decoder, handler: result)
        return try result.get()
    }
}
