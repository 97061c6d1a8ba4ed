// A connection's streaming calls: between HTTP/2 events and the message streams of their handlers.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

extension ServerConnection {
    func openStream(_ stream: HTTP2StreamKey, method: Int) {
        let index = Int(stream.place)
        guard let responder else { return }
        if let deadline = calls[index].deadline, deadline <= setting.clock.bootTime() {
            counts.callsExpired += 1
            counts.callsDropped += 1
            return fail(stream, RPCStatus(.deadlineExceeded, "the deadline has passed"))
        }
        guard unsentBytes <= setting.limits.maxUnsentBytes else {
            return refuse(stream, RPCStatus(.resourceExhausted, "the caller does not take its answers"))
        }
        noteSecured()
        counts.calls += 1
        let limits = setting.limits
        let messages = MessageStream(
            number: CallToken(stream: stream.place, generation: stream.generation).number, link: responder,
            maxReceivedBytes: limits.maxMessageBytes, window: Int(limits.http2.streamWindow),
            sendLimit: limits.maxQueuedStreamBytes, endsWithTask: false)
        messages.onEncodings(received: calls[index].head.encoding, accepted: calls[index].head.accepted)
        calls[index].stream = StreamBody(messages, role: .server)
        if calls[index].deadline != nil { watch(index) }
        setting.handler.handle(
            StreamCall(
                method: method, metadata: calls[index].head.metadata, deadline: calls[index].deadline, peer: peer,
                executor: executor, stream: messages))
    }

    func onStreamData(_ stream: HTTP2StreamKey, _ bytes: Span<UInt8>) {
        guard let body = calls[Int(stream.place)].stream else { return }
        body.unreadBytes += bytes.count
        session.consumeOfConnection(streamCredit.onReceived(bytes.count))
        note(body, assembledBytes: body.messages.onBytes(bytes))
        endIfTooMuch(Int(stream.place), body)
    }

    private func endIfTooMuch(_ index: Int, _ body: StreamBody) {
        guard bufferedBytes > setting.limits.maxBufferedBytes, body.assembledBytes > 0 else { return }
        counts.callsFailed += 1
        abort(index, RPCStatus(.resourceExhausted, "too many unfinished messages on one connection"))
    }

    /// Unfinished messages of streams count with those of unary calls.
    private func note(_ body: StreamBody, assembledBytes: Int) {
        bufferedBytes += assembledBytes - body.assembledBytes
        body.assembledBytes = assembledBytes
    }

    func onStreamEnd(_ stream: HTTP2StreamKey) { calls[Int(stream.place)].stream?.messages.onInputEnd() }

    /// The stream is gone: answered, cancelled by its caller, or with its connection.
    func onStreamClosed(_ index: Int) {
        guard let body = calls[index].stream else { return }
        if !body.isEnded { counts.callsCancelled += 1 }
        if body.hasFailed { counts.callsFailed += 1 }
        release(body, body.isEnded ? nil : RPCStatus(.cancelled, "the caller went away"))
    }

    private func release(_ body: StreamBody, _ failure: RPCStatus?) {
        session.consumeOfConnection(streamCredit.onTaken(body.unreadBytes))
        body.unreadBytes = 0
        note(body, assembledBytes: 0)
        body.messages.onClosed(failure: failure)
    }

    /// The handler read, sent or ended.
    func onStreamWork(_ token: CallToken) {
        let index = Int(token.stream)
        guard calls.indices.contains(index), calls[index].generation == token.generation,
            calls[index].phase == .streaming, let body = calls[index].stream
        else { return }
        let stream = HTTP2StreamKey(place: token.stream, generation: token.generation)
        let work = body.messages.takeWork()
        if work.credit > 0 {
            body.unreadBytes -= work.credit
            session.consumeOfStream(stream, work.credit)
            session.consumeOfConnection(streamCredit.onTaken(work.credit))
        }
        note(body, assembledBytes: work.assembledBytes)
        endIfTooMuch(index, body)
        guard calls[index].phase == .streaming else { return }
        if body.isBegun {
            if work.hasOutput { session.resume(stream) }
        } else if let head = work.head {
            begin(stream, body, head)
        }
        scheduleFlush()
    }

    private func begin(_ stream: HTTP2StreamKey, _ body: StreamBody, _ head: CallMetadata) {
        body.isBegun = true
        if head.isEmpty, case .failure(let status) = body.messages.exhaustedBy {
            // Nothing came before the failure: one block says it all.
            body.markFailed()
            counts.callsFailed += 1
            release(body, nil)
            return fail(stream, status)
        }
        let headers = AnswerBlocks.streamHeaders(head, encoding: calls[Int(stream.place)].head.accepted)
        _ = session.submitResponse(stream, headers, source: body)
    }

    func expireStream(_ index: Int) {
        counts.callsExpired += 1
        abort(index, RPCStatus(.deadlineExceeded, "the deadline has passed"))
    }

    /// Ends a stream for its handler and its caller alike.
    private func abort(_ index: Int, _ status: RPCStatus) {
        guard let body = calls[index].stream else { return }
        let stream = HTTP2StreamKey(place: Int32(index), generation: calls[index].generation)
        release(body, status)
        guard body.isBegun else { return fail(stream, status) }
        // What is queued may never be taken, so that trailers behind it would never leave.
        calls[index].onAnswered(unsentBytes: 0)
        session.reset(stream, .cancel)
        scheduleFlush()
    }
}
