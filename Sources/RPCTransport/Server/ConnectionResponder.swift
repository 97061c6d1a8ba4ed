// How answers find their way to a connection from any thread.

import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// The responder of one connection's calls. On the connection's loop an answer goes straight in; answers from elsewhere
/// wait in a mailbox, and the first of them wakes the loop for all.
final class ConnectionResponder: CallResponder, StreamLink {
    enum Answer: Sendable {
        case success(ByteBuffer, CallMetadata)
        case failure(RPCStatus)
        /// The application did something on a stream.
        case work
    }

    private let loop: any EventLoop
    private let connection: NIOLoopBound<ServerConnection>
    /// Bounded by the calls that were handed out: each is answered once, and a stream has one piece of work at a time.
    private let mailbox = Mutex<[(CallToken, Answer)]>([])

    init(_ connection: NIOLoopBound<ServerConnection>, loop: any EventLoop) {
        self.connection = connection
        self.loop = loop
    }

    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata) {
        answer(token, .success(message, trailers))
    }

    func fail(_ token: CallToken, _ status: RPCStatus) { answer(token, .failure(status)) }

    func isLive(_ token: CallToken) -> Bool { loop.inEventLoop && connection.value.isLive(token) }

    func onWork(_ stream: MessageStream) { answer(CallToken(stream.number), .work) }

    private func answer(_ token: CallToken, _ answer: Answer) {
        if loop.inEventLoop { return connection.value.answer(token, answer) }
        let isFirst = mailbox.withLock { waiting in
            waiting.append((token, answer))
            return waiting.count == 1
        }
        if isFirst { loop.execute { self.deliver() } }
    }

    private func deliver() {
        let waiting = mailbox.withLock { waiting in
            let taken = waiting
            waiting = []
            return taken
        }
        for (token, answer) in waiting { connection.value.answer(token, answer) }
    }
}
