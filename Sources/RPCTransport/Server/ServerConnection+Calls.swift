// A connection's calls: from HTTP/2 events to the handler, and from answers back to HTTP/2.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

extension ServerConnection: HTTP2EventSink {
    func onStreamOpened(_ stream: HTTP2StreamKey) {
        let limit = setting.limits.maxMessageBytes
        while calls.count <= Int(stream.place) { calls.append(ServerCall(maxMessageBytes: limit)) }
        calls[Int(stream.place)].onOpened(generation: stream.generation, maxMessageBytes: limit)
    }

    func onHeader(_ stream: HTTP2StreamKey, name: Span<UInt8>, value: Span<UInt8>) {
        calls[Int(stream.place)].onHeader(name, value, methods: setting.methods)
    }

    func onHeadersEnd(_ stream: HTTP2StreamKey, isTruncated: Bool) {
        let index = Int(stream.place)
        let directive = calls[index].onHeadersEnd(isTruncated: isTruncated, firstStreaming: setting.firstStreaming)
        if let timeout = calls[index].head.timeout {
            // The caller's time has been running while its request waited to be read.
            calls[index].deadline = arrival.latest.advanced(by: timeout)
        }
        run(directive, stream)
        guard case .body = calls[index].phase else { return }
        if unsentBytes > setting.limits.maxUnsentBytes {
            refuse(stream, RPCStatus(.resourceExhausted, "the caller does not take its answers"))
        }
    }

    func onData(_ stream: HTTP2StreamKey, _ bytes: Span<UInt8>) {
        let index = Int(stream.place)
        if case .streaming = calls[index].phase { return onStreamData(stream, bytes) }
        let before = calls[index].bufferedBytes
        let directive = calls[index].onData(bytes)
        bufferedBytes += calls[index].bufferedBytes - before
        session.consume(stream, bytes.count)
        run(directive, stream)
        if bufferedBytes > setting.limits.maxBufferedBytes, calls[index].bufferedBytes > 0 {
            refuse(stream, RPCStatus(.resourceExhausted, "too many unfinished requests on one connection"))
        }
    }

    func onEnd(_ stream: HTTP2StreamKey) {
        let index = Int(stream.place)
        if case .streaming = calls[index].phase { return onStreamEnd(stream) }
        let before = calls[index].bufferedBytes
        let directive = calls[index].onEnd()
        bufferedBytes += calls[index].bufferedBytes - before
        run(directive, stream)
    }

    func onClosed(_ stream: HTTP2StreamKey, code: HTTP2ErrorCode) {
        let index = Int(stream.place)
        bufferedBytes -= calls[index].bufferedBytes
        switch calls[index].phase {
        case .running, .body: counts.callsCancelled += 1
        case .streaming: onStreamClosed(index)
        case .idle, .head, .answered: break
        }
        unsentBytes -= calls[index].unsentBytes
        calls[index].onClosed()
    }

    func onGoAway(code: HTTP2ErrorCode) {}

    // MARK: Directives

    private func run(_ directive: ServerCall.Directive, _ stream: HTTP2StreamKey) {
        switch directive {
        case .none: break
        case .refuseHTTP(let status):
            counts.callsRefused += 1
            calls[Int(stream.place)].onAnswered(unsentBytes: 0)
            _ = session.submitResponse(stream, AnswerBlocks.http(status: status))
        case .refuse(let status): refuse(stream, status)
        case .handOver(let method): handOver(stream, method: method)
        case .openStream(let method): openStream(stream, method: method)
        }
    }

    func refuse(_ stream: HTTP2StreamKey, _ status: RPCStatus) {
        bufferedBytes -= calls[Int(stream.place)].bufferedBytes
        counts.callsRefused += 1
        fail(stream, status)
    }

    private func handOver(_ stream: HTTP2StreamKey, method: Int) {
        let index = Int(stream.place)
        guard let responder else { return }
        if let deadline = calls[index].deadline, deadline <= setting.clock.bootTime() {
            counts.callsDropped += 1
            return expire(index)
        }
        // The first call may come in one read with the end of the handshake.
        noteSecured()
        counts.calls += 1
        setting.handler.handle(
            UnaryCall(
                method: method, message: calls[index].message, metadata: calls[index].head.metadata,
                deadline: calls[index].deadline, peer: peer, executor: executor, responder: responder,
                token: CallToken(stream: stream.place, generation: stream.generation), arrivedAt: arrival.earliest))
        if calls[index].phase == .running { watch(index) }
    }

    // MARK: Answers

    /// Whether the handler's answer is still waited for.
    func isLive(_ token: CallToken) -> Bool {
        let index = Int(token.stream)
        return calls.indices.contains(index) && calls[index].generation == token.generation
            && calls[index].phase == .running
    }

    /// Takes a handler's answer. One that is late or given twice is dropped.
    func answer(_ token: CallToken, _ answer: ConnectionResponder.Answer) {
        if case .work = answer { return onStreamWork(token) }
        guard isLive(token) else { return }
        let stream = HTTP2StreamKey(place: token.stream, generation: token.generation)
        switch answer {
        case .success(let message, let trailers):
            succeed(stream, message, trailers)
        case .failure(let status):
            counts.callsFailed += 1
            fail(stream, status.code == .ok ? RPCStatus(.internal, "a failure with the status OK") : status)
        case .work: break
        }
    }

    private func succeed(_ stream: HTTP2StreamKey, _ message: ByteBuffer, _ trailers: CallMetadata) {
        let count = message.readableBytes
        guard count <= setting.limits.maxReplyBytes else {
            counts.callsFailed += 1
            let error = FramingError.tooLarge(length: count, limit: setting.limits.maxReplyBytes)
            return fail(stream, error.status)
        }
        calls[Int(stream.place)].onAnswered(unsentBytes: count)
        unsentBytes += count
        let prefix = MessagePrefix(length: count)
        let body = HTTP2Body(prefix: prefix.bits, prefixCount: MessagePrefix.byteCount, message)
        _ = session.submitResponse(
            stream, AnswerBlocks.headers, body: body, trailers: AnswerBlocks.trailers(trailers))
        scheduleFlush()
    }

    func fail(_ stream: HTTP2StreamKey, _ status: RPCStatus) {
        calls[Int(stream.place)].onAnswered(unsentBytes: 0)
        _ = session.submitResponse(stream, failures.block(status))
        scheduleFlush()
    }

    /// Nobody answered in time.
    func expire(_ index: Int) {
        if calls[index].phase == .streaming { return expireStream(index) }
        counts.callsExpired += 1
        let stream = HTTP2StreamKey(place: Int32(index), generation: calls[index].generation)
        let status =
            calls[index].deadline == nil
            ? RPCStatus(.internal, "the call was not answered")
            : RPCStatus(.deadlineExceeded, "the deadline has passed")
        fail(stream, status)
    }
}
