// One connection of a page listener.

import ClusterModel
import NIOCore
import NIOHTTP1
import NodeEnvironment

/// Reads one request at a time and writes its page. On the connection's loop.
final class PageConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request line and headers beyond these are refused; a body is never read.
    private static let maxTargetBytes = 1_024
    private static let maxHeaders = 64

    private let handler: any PageHandler
    private let executor: any NodeExecutor
    private let clock: any NodeClock
    private let timeout: Duration
    private let onEnd: @Sendable () -> Void
    private var channel: (any Channel)?
    private var bound: NIOLoopBound<PageConnection>?
    private var request: HTTPRequestHead?
    private var isAnswering = false
    /// The request asks for the head of the answer only (RFC 9110, section 9.3.2).
    private var wantsHeadOnly = false
    private var isShuttingDown = false
    private var timer: (any ScheduledWork)?

    init(
        handler: any PageHandler, executor: any NodeExecutor, clock: any NodeClock, timeout: Duration,
        onEnd: @escaping @Sendable () -> Void
    ) {
        self.handler = handler
        self.executor = executor
        self.clock = clock
        self.timeout = timeout
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        awaitRequest()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        channel = nil
        bound = nil
        onEnd()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // A client that does not wait for its answer gets no second one.
            guard request == nil, !isAnswering else { return close() }
            request = head
        case .body: break
        case .end: respond()
        }
    }

    /// Closes once the answer under way is out.
    func beginShutDown() {
        isShuttingDown = true
        if !isAnswering { close() }
    }

    func close() { channel?.close(promise: nil) }

    private func awaitRequest() {
        guard let bound else { return }
        timer?.cancel()
        timer = executor.schedule(at: clock.bootTime().advanced(by: timeout)) { bound.value.close() }
    }

    private func respond() {
        guard let head = request, let bound else { return }
        request = nil
        isAnswering = true
        wantsHeadOnly = head.method == .HEAD
        let isTooLong = head.uri.utf8.count > Self.maxTargetBytes || head.headers.count > Self.maxHeaders
        guard !isTooLong else { return write(Page(status: 431, body: "too long\n"), keepAlive: false) }
        guard head.method == .GET || head.method == .HEAD else {
            return write(Page(status: 405, body: "GET and HEAD only\n"), keepAlive: false)
        }
        let path = String(head.uri.prefix { $0 != "?" })
        let executor = executor
        let keepAlive = head.isKeepAlive
        handler.page(at: path) { page in
            if executor.isCurrent {
                bound.value.write(page, keepAlive: keepAlive)
            } else {
                executor.execute { bound.value.write(page, keepAlive: keepAlive) }
            }
        }
    }

    private func write(_ page: Page, keepAlive: Bool) {
        // Only the first answer counts, and only while somebody waits.
        guard isAnswering, let channel else { return }
        isAnswering = false
        let staysOpen = keepAlive && !isShuttingDown
        let body = ByteBuffer(string: page.body)
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: page.contentType)
        headers.add(name: "content-length", value: String(body.readableBytes))
        // A refused method is told which ones there are (RFC 9110, section 15.5.6).
        if page.status == 405 { headers.add(name: "allow", value: "GET, HEAD") }
        if !staysOpen { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: page.status), headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        if !wantsHeadOnly { channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil) }
        let written = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        if staysOpen {
            awaitRequest()
        } else {
            written.whenComplete { _ in channel.close(promise: nil) }
        }
    }
}
