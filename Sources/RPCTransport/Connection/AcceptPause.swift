// What a listening socket does when the system has no descriptor or no memory for another connection.

import Glibc
import NIOCore

/// Stops accepting for a moment, since the connection that could not be taken stays in the queue and would wake the loop
/// again at once, for ever: a loop that spins answers nobody. On the loop of the listening socket.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    static let length = TimeAmount.milliseconds(100)

    private let onPause: @Sendable () -> Void
    private var resumption: Scheduled<Void>?

    /// `onPause` runs each time.
    init(onPause: @escaping @Sendable () -> Void) { self.onPause = onPause }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let failure = error as? IOError, Self.isPassing(failure.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        onPause()
        guard resumption == nil else { return }
        setReading(false, context.channel)
        let bound = NIOLoopBound((self, context.channel), eventLoop: context.eventLoop)
        resumption = context.eventLoop.scheduleTask(in: Self.length) {
            let (handler, channel) = bound.value
            handler.resumption = nil
            handler.setReading(true, channel)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        resumption?.cancel()
        resumption = nil
        context.fireChannelInactive()
    }

    /// What ends when somebody closes something.
    private static func isPassing(_ code: CInt) -> Bool {
        code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM
    }

    private func setReading(_ reads: Bool, _ channel: any Channel) {
        // Fails only for a socket that is closed, which accepts nothing anyway.
        try? channel.syncOptions?.setOption(.autoRead, value: reads)
    }
}
