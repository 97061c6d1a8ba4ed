// A call that was let in: answered once, counted, and released.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SwiftProtobuf

/// What services answer through. A value: completions carry it to whatever executor they run on.
struct OpenCall: Sendable {
    let call: UnaryCall
    let edge: ServingEdge
    let started: BootInstant
    /// Admission is owed a release.
    let isAdmitted: Bool
    /// Who pays for it.
    let account: CallerAccount

    var message: ByteBuffer { call.message }

    /// Encodes and answers OK.
    func succeed(_ reply: some SwiftProtobuf.Message) {
        do {
            succeed(encoded: try reply.encodedBuffer())
        } catch {
            refuse(Refusal(.internalFault, "the reply could not be encoded"))
        }
    }

    /// Answers OK with bytes that are a reply already.
    func succeed(encoded reply: ByteBuffer) {
        close(.ok)
        call.succeed(reply)
    }

    func refuse(_ refusal: Refusal) {
        close(refusal.reason.code)
        edge.metrics.refused(refusal.reason)
        call.fail(refusal.status)
    }

    private func close(_ code: RPCStatusCode) {
        if isAdmitted { edge.admission.release(bytes: call.message.readableBytes, account) }
        edge.calls.record(method: call.method, code: code, duration: edge.clock.bootTime().since(started))
    }
}

extension OpenCall {
    /// Decodes the request and serves it; what `body` throws is the answer.
    func serve<Request: SwiftProtobuf.Message>(
        _ type: Request.Type, _ body: (Request) throws(Refusal) -> Void
    ) {
        let request: Request
        do {
            request = try Request(reading: call.message)
        } catch {
            // What exactly is wrong with the bytes helps nobody who did not write the encoder.
            return refuse(.malformed)
        }
        do { try body(request) } catch { refuse(error) }
    }
}
