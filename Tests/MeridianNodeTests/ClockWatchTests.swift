// H12, S2: what a clock that was wrong left on the own disk.

import ClusterModel
import Logging
import OperatorAPI
import Personalization
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct ClockWatchTests {
    /// Guards `state.floor > wall + F` in ClockWatch.look: without it writes are taken, stamped far ahead, and every event is
    /// refused as too old.
    @Test("H12, S2: own records that are ahead of the clock by more than F refuse writes until it gets there")
    func stampsOfTheFutureOnTheOwnDisk() {
        let (clock, gate) = (SteppedEnvironment(seed: 12).clock, StampGate())
        let watch = ClockWatch(
            bounds: .standard, clock: clock, gate: gate,
            logger: Logger(label: "clock") { _ in SwiftLogNoOpLogHandler() }, peers: { [:] }, onRefusing: { _ in })
        watch.look()
        #expect(watch.verdict == .trusted && gate.time(of: clock) != nil)
        let ahead: Duration = .seconds(3_600)
        watch.stampAbove(HybridStamp(at: clock.wallTime().advanced(by: ahead)))
        watch.look()
        #expect(watch.verdict == .refusing("the log holds records that are 3600 s ahead of this machine's clock"))
        #expect(gate.time(of: clock) == nil)
        // An operator's word about the clock says nothing of the log.
        watch.reopen()
        watch.look()
        #expect(gate.time(of: clock) == nil)
        advance(clock, watch, by: ahead - TimeBounds.standard.maxFuture - .milliseconds(1))
        #expect(gate.time(of: clock) == nil)
        advance(clock, watch, by: .milliseconds(1))
        #expect(watch.verdict == .trusted && gate.time(of: clock) != nil)
        // Up to F ahead is what other members may write any time.
        watch.stampAbove(HybridStamp(at: clock.wallTime().advanced(by: TimeBounds.standard.maxFuture)))
        watch.look()
        #expect(gate.time(of: clock) != nil)
    }

    private func advance(_ clock: SteppedClock, _ watch: ClockWatch, by duration: Duration) {
        clock.advance(by: duration)
        watch.look()
    }
}
