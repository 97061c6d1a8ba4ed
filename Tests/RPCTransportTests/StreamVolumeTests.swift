// Much at once and much in a row: memory stays flat. Small by default; full size where MERIDIAN_PROVE is set.

import ClusterModel
import Foundation
import GRPCFraming
import HTTP2Engine
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized) struct StreamVolumeTests {
    private static let isProof = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil
    private static let messages = isProof ? 1_000_000 : 20_000
    private static let calls = isProof ? 1_000 : 200
    /// What windows, queues and the allocator may take beside what was there before; with all the other tests in the same
    /// process, much more.
    private static let allowance = MemoryWatch.isAlone ? 64 << 20 : 1 << 30

    /// The largest of several readings, over where it began.
    private struct Watermark {
        let start: Int
        var peak: Int

        init() throws {
            start = try MemoryWatch.residentBytes()
            peak = start
        }

        mutating func look() throws { peak = max(peak, try MemoryWatch.residentBytes()) }

        var growth: Int { peak - start }
    }

    private func check(_ mark: Watermark, _ side: String) {
        if Self.isProof { print("slow \(side): \(Self.messages) messages, \(mark.growth >> 10) KiB more at the peak") }
        #expect(mark.growth < Self.allowance, "\(mark.growth) bytes more")
    }

    @Test func aSlowReaderOfManyMessages() async throws {
        try await StreamServer.with { server, channel in
            var mark = try Watermark()
            let stream = try channel.open("Produce", within: .seconds(600))
            try await stream.send(ByteBuffer(string: "\(Self.messages) 100"))
            stream.finishSending()
            var count = 0
            while let message = try await stream.next() {
                #expect(message.readableBytes == 100)
                count += 1
                // Other work every now and then: the sender runs into its bounds.
                if count.isMultiple(of: 2_000) {
                    for _ in 0..<20 { await Task.yield() }
                    try mark.look()
                }
            }
            #expect(count == Self.messages)
            check(mark, "reader")
        }
    }

    @Test func aSlowHandlerOfManyMessages() async throws {
        try await StreamServer.with { server, channel in
            var mark = try Watermark()
            // The handler starts to read only after the caller has stood still.
            let stream = try channel.open("Slow", within: .seconds(600))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 0..<Self.messages { try await stream.send(ByteBuffer(repeating: 1, count: 100)) }
                    stream.finishSending()
                }
                for _ in 0..<1_000 { await Task.yield() }
                try mark.look()
                server.service.gate.open()
                try await group.waitForAll()
            }
            let counted = try await stream.rest()
            #expect(counted == ["\(Self.messages) \(Self.messages * 100)"])
            try mark.look()
            check(mark, "handler")
        }
    }

    @Test func manyCallsOfFourMegabytesAtOnce() async throws {
        var limits = TransportLimits()
        limits.http2.maxConcurrentStreams = 1_024
        limits.maxBufferedBytes = 512 << 20
        try await StreamServer.with(limits: limits) { server, channel in
            // One message of 4 MB belongs to every call: the same bytes on the way out, counted on the way in.
            let message = ByteBuffer(repeating: 3, count: 4_000_000)
            let counted = try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<Self.calls {
                    group.addTask {
                        let stream = try channel.open("Count", within: .seconds(600))
                        // Every tenth call carries a large message, so that the others pass between their pieces.
                        try await stream.send(number.isMultiple(of: 10) ? message : ByteBuffer(string: "small"))
                        stream.finishSending()
                        return try await stream.rest()
                    }
                }
                var counted: [String: Int] = [:]
                for try await texts in group { for text in texts { counted[text, default: 0] += 1 } }
                return counted
            }
            #expect(counted == ["1 4000000": Self.calls / 10, "1 5": Self.calls - Self.calls / 10])
        }
    }
}
