// S1: one process at a time speaks for a region; a killed one does not keep its successor waiting.

import ClusterModel
import NodeEnvironment
import Testing

@testable import RegionMirror

@Suite struct RegionClaimTests {
    private static let stall: Duration = .seconds(5)
    private static let grace: Duration = .seconds(1)
    private let start = BootInstant(nanoseconds: 1_000_000_000)
    private let older = Incarnation(1)
    private let first = Incarnation(5)
    private let newer = Incarnation(9)

    private func after(_ duration: Duration) -> BootInstant { start.advanced(by: duration) }

    /// Pulled over link 7, which is watched, and was answered at the start.
    private func claim() -> RegionClaim {
        var claim = RegionClaim(first, stallTimeout: Self.stall, at: start)
        claim.onPull(link: 7, due: start)
        claim.onLink(7)
        claim.onAnswered(at: start)
        return claim
    }

    @Test("S1: while the heartbeat is fresh and the link stands, any other is refused; silence ends that")
    func isProtected() {
        let claim = claim()
        for other in [older, newer] {
            #expect(!claim.admits(other, at: start))
            #expect(!claim.admits(other, at: after(Self.stall - .milliseconds(1))))
            #expect(claim.admits(other, at: after(Self.stall)))
        }
        #expect(claim.admits(first, at: start))
    }

    @Test("S1: a pull that waits is a heartbeat until it is due")
    func waits() {
        var claim = claim()
        claim.onPull(link: 7, due: after(.seconds(3)))
        #expect(!claim.admits(newer, at: after(.seconds(7))))
        #expect(claim.admits(newer, at: after(.seconds(8))))
    }

    @Test("S1: a closed link releases the claim to a newer incarnation after the grace, to an older one not")
    func isReleased() {
        var claim = claim()
        claim.onLinkClosed(7, at: after(.milliseconds(100)))
        #expect(!claim.admits(newer, at: after(.milliseconds(100))))
        #expect(!claim.admits(newer, at: after(Self.grace)))
        #expect(claim.admits(newer, at: after(Self.grace + .milliseconds(100))))
        #expect(!claim.admits(older, at: after(Self.grace + .milliseconds(100))))
        #expect(claim.admits(older, at: after(Self.stall)))
    }

    @Test("S1: who says that it is over leaves the claim to a newer incarnation at once, whatever still arrives of it")
    func isGivenBack() {
        var claim = claim()
        claim.onParting()
        claim.onPull(link: 7, due: after(.milliseconds(10)))
        claim.onReply(at: after(.milliseconds(10)))
        #expect(claim.admits(newer, at: after(.milliseconds(10))) && claim.isLeft(to: newer))
        #expect(!claim.admits(older, at: after(.milliseconds(10))) && !claim.isLeft(to: older))
    }

    @Test("an answer that nobody heard is no sign of life")
    func answersTheDead() {
        var claim = claim()
        claim.onLinkClosed(7, at: after(.milliseconds(100)))
        claim.onAnswered(at: after(.milliseconds(900)))
        #expect(claim.admits(newer, at: after(Self.grace + .milliseconds(100))))
    }

    @Test(
        "S1: a process that lost its link and dialled again keeps the claim, whenever it is told of the old link's end")
    func dialsAgain() {
        for isToldLate in [false, true] {
            var claim = claim()
            if !isToldLate { claim.onLinkClosed(7, at: after(.milliseconds(100))) }
            claim.onPull(link: 8, due: after(.milliseconds(300)))
            if isToldLate { claim.onLinkClosed(7, at: after(.milliseconds(310))) }
            claim.onLink(8)
            if isToldLate { claim.onLinkClosed(7, at: after(.milliseconds(320))) }
            #expect(!claim.admits(newer, at: after(.seconds(4))))
            claim.onLinkClosed(8, at: after(.seconds(4)))
            #expect(!claim.admits(newer, at: after(.milliseconds(4_900))))
            #expect(claim.admits(newer, at: after(.seconds(5))))
        }
    }

    @Test("a stream that ends while its link lives releases nothing once the next pull comes")
    func lives() {
        var claim = claim()
        claim.onLinkClosed(7, at: after(.milliseconds(100)))
        claim.onPull(link: 7, due: after(.milliseconds(600)))
        #expect(!claim.admits(newer, at: after(.seconds(5))))
    }

    @Test("a later watch of an older link changes nothing")
    func olderLinks() {
        var claim = claim()
        claim.onPull(link: 9, due: start)
        claim.onLink(9)
        claim.onLink(8)
        claim.onLinkClosed(8, at: start)
        #expect(!claim.admits(newer, at: after(.seconds(4))))
    }
}
