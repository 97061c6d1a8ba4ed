// The sweep: a fault of every kind at every call of a history (FAULTS 1-4, 9-18). MERIDIAN_PROVE=1 makes it whole.

import Foundation
import NodeEnvironment
import SimulatedEnvironment
import Testing

@Suite struct CrashPointTests {
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil
    /// Tasks that sweep side by side.
    private static let lanes = 2

    /// Every acknowledged batch kept, none invented, what a lying disk took is reported, and the journal goes on.
    @Test("S6, S7: a fault at any call of the file system", arguments: 0..<CrashPointTests.lanes)
    func anyCall(lane: Int) async throws {
        try await sweep(CrashHistory(seed: 11, batches: Self.isProving ? 1_000 : 120), lane: lane, sample: 48)
    }

    /// The same while segments are trimmed: nothing goes that a floor holds, and no damage is reported where none is.
    @Test("S5, S8: a fault at any call of a history that is trimmed", arguments: 0..<CrashPointTests.lanes)
    func anyCallWhileTrimming(lane: Int) async throws {
        try await sweep(
            CrashHistory(seed: 12, batches: Self.isProving ? 400 : 96, trims: true), lane: lane, sample: 32)
    }

    /// `sample`: one of so many pairs of a call and a kind, where not all are tried.
    private func sweep(_ history: CrashHistory, lane: Int, sample: UInt64) async throws {
        let calls = try await history.calls()
        #expect(calls > history.batches * 2)
        var generator = SeededGenerator(seed: UInt64(lane))
        var complaints: [String] = []
        var tried = 0
        for point in stride(from: lane, to: calls, by: Self.lanes) {
            for kind in CrashKind.allCases where Self.isProving || generator.next() % sample == 0 {
                complaints += try await history.check(at: point, kind)
                tried += 1
            }
        }
        let first = complaints.first
        #expect(first == nil, "\(complaints.count) complaints, among them \(complaints.prefix(10))")
        if Self.isProving {
            print("lane \(lane): \(tried) faults at \(calls / Self.lanes) calls of \(history.batches) batches")
        }
    }
}
