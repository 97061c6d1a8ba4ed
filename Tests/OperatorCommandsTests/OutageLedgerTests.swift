// The gap that users of a region see: between answers, from the kill to the return.

import ClusterModel
import Testing

@testable import OperatorCommands

@Suite struct OutageLedgerTests {
    private func at(_ milliseconds: UInt64) -> BootInstant { BootInstant(nanoseconds: milliseconds * 1_000_000) }

    @Test func theGapIsTheLongestTimeWithoutAnAnswer() throws {
        var ledger = OutageLedger()
        ledger.onAnswer(home: 0, asked: at(0), answered: at(90))
        ledger.onKill(of: 0, at: at(100))
        // Under way at the kill, and answered all the same.
        ledger.onAnswer(home: 0, asked: at(95), answered: at(101))
        ledger.onAnswer(home: 0, asked: at(99), answered: at(301))
        ledger.onAnswer(home: 0, asked: at(300), answered: at(310))
        // Late to be noted, and of another home.
        ledger.onAnswer(home: 0, asked: at(200), answered: at(305))
        ledger.onAnswer(home: 1, asked: at(0), answered: at(400))
        let returned = ledger.onReturn(of: 0, at: at(350))
        let outage = try #require(returned)
        #expect(outage.gap == .milliseconds(200))
        #expect(outage.longestCall == .milliseconds(202))
        #expect(outage.answers == 4)
        let again = ledger.onReturn(of: 0, at: at(360))
        #expect(again == nil)
    }

    @Test func anOutageWithoutAnswersIsOneGap() {
        var ledger = OutageLedger()
        ledger.onKill(of: 2, at: at(1_000))
        ledger.onAnswer(home: 2, asked: at(900), answered: at(999))
        let outage = ledger.onReturn(of: 2, at: at(4_000))
        #expect(outage?.gap == .seconds(3))
    }
}
