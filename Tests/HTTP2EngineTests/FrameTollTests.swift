// What frames cost, and which stream numbers were passed over, event by event.

import Testing

@testable import HTTP2Engine

@Suite struct FrameTollTests {
    @Test func framesOfUseAreFree() {
        var toll = FrameToll()
        for _ in 0..<100 {
            toll.onBegun()
            toll.onUse()
            toll.onGranted(FrameToll.smallIncrement)
        }
        #expect(toll.take() == 0)
    }

    @Test func framesOfNoUseCostOneEach() {
        var toll = FrameToll()
        for _ in 0..<100 { toll.onBegun() }
        // The last one may still turn out to be of use.
        #expect(toll.take() == 99 && toll.take() == 0)
        toll.onUse()
        toll.onCostly()
        toll.onGranted(1)
        toll.onAnswerable()
        #expect(toll.take() == 3)
    }

    @Test func whatWeSentMayBeAnsweredTwice() {
        var toll = FrameToll()
        toll.onSent()
        toll.onGranted(1)
        toll.onAnswerable()
        #expect(toll.take() == 0)
        toll.onGranted(1)
        #expect(toll.take() == 1)
        // And no more than so many are saved up.
        for _ in 0..<1_000_000 { toll.onSent() }
        for _ in 0..<10_000 { toll.onAnswerable() }
        #expect(toll.take() > 5_000)
    }

    /// Which of `numbers`, one after another, are refused.
    private func refused(_ numbers: [Int32]) -> [Int32] {
        var known = PeerStreamNumbers()
        return numbers.filter { !known.onHeaders($0) }
    }

    @Test func numbersThatWerePassedOverStayUnused() {
        // A number for the second time: late words of a stream that was.
        #expect(refused([1, 3, 1, 3, 9, 5, 7, 9]) == [5, 7])
        #expect(refused([1, .max, .max - 2, .max]) == [.max - 2])
        // A client may begin with any number.
        #expect(refused([5, 3, 1]) == [3, 1])
    }

    @Test func gapsAreBounded() {
        let passing = (0..<100).map { 1 + $0 * 4 } as [Int32]
        // The last gaps are known, the first ones are forgotten.
        #expect(refused(passing + [395, 3]) == [395])
    }
}
