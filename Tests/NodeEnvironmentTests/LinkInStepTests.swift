// A stream whose link acts inside `onWork`, so that what happens on the loop falls between two looks of a reader every time.

import GRPCFraming
import NIOCore
import Synchronization
import Testing

@testable import NodeEnvironment

/// Plays the sender of one large message through a window: sends as much as it is granted, at once, on whatever thread
/// grants it.
private final class WindowedSender: StreamLink {
    private struct State {
        var rest: [UInt8]
        var window: Int
    }

    private let state: Mutex<State>

    init(sending bytes: [UInt8], window: Int) { state = Mutex(State(rest: bytes, window: window)) }

    var unsentBytes: Int { state.withLock { $0.rest.count } }

    func onWork(_ stream: MessageStream) {
        let credit = stream.takeWork().credit
        state.withLock { $0.window += credit }
        feed(stream)
    }

    func feed(_ stream: MessageStream) {
        let piece = state.withLock { state in
            let count = min(state.window, state.rest.count)
            state.window -= count
            defer { state.rest.removeFirst(count) }
            return Array(state.rest.prefix(count))
        }
        if !piece.isEmpty { stream.onBytes(piece.span) }
    }
}

/// Reads what is queued as soon as it is told, up to what the peer takes.
private final class ReadingLink: StreamLink {
    private let taken = Mutex<[UInt8]>([])

    var bytes: [UInt8] { taken.withLock { $0 } }

    func onWork(_ stream: MessageStream) {
        _ = stream.takeWork()
        drain(stream)
    }

    func drain(_ stream: MessageStream) {
        var piece = [UInt8](repeating: 0, count: 1_000)
        while true {
            let count = piece.withUnsafeMutableBytes { stream.readOutput(into: $0).count }
            guard count > 0 else { return }
            taken.withLock { $0 += piece.prefix(count) }
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct LinkInStepTests {
    private static func framed(_ size: Int) -> [UInt8] {
        let length = (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) }
        return [0] + length + [UInt8](repeating: 7, count: size)
    }

    /// A9: the whole next window arrives between the first look and the second; whoever then waits must give it back.
    @Test(arguments: [999, 1_000, 2_000, 2_005, 3_500, 10_000])
    func aMessageLargerThanTheWindowPassesThoughALoopActsBetweenTwoLooks(size: Int) async throws {
        let link = WindowedSender(sending: Self.framed(size), window: 1_000)
        let stream = MessageStream(
            number: 1, link: link, maxReceivedBytes: 1 << 20, window: 1_000, sendLimit: 1_000, endsWithTask: false)
        // What came before anybody asked.
        link.feed(stream)
        let message = try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
            group.addTask { try await stream.next() }
            // Nothing else moves this stream: a reader that still waits once the sender has stopped waits for ever.
            group.addTask {
                for _ in 0..<10_000 where link.unsentBytes > 0 { await Task.yield() }
                if link.unsentBytes > 0 { stream.onClosed(failure: RPCStatus(.aborted, "both sides wait")) }
                return nil
            }
            var found: ByteBuffer?
            for try await message in group { found = found ?? message }
            return found
        }
        #expect(message?.readableBytes == size)
        #expect(link.unsentBytes == 0)
    }

    /// The writing side: what is queued leaves between the two looks of its sender, who must not wait for that again.
    @Test(arguments: [1, 999, 1_000, 5_000])
    func aSenderWhoseBytesLeaveBetweenTwoLooksGoesOn(size: Int) async throws {
        let link = ReadingLink()
        let stream = MessageStream(
            number: 1, link: link, maxReceivedBytes: 1 << 20, window: 1_000, sendLimit: 1_000, endsWithTask: false)
        for _ in 0..<20 {
            let goesOn = try await stream.send(ByteBuffer(repeating: 3, count: size), isCompressed: false)
            #expect(goesOn)
        }
        #expect(link.bytes.count == 20 * (size + 5))
    }
}
