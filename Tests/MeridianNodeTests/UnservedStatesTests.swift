// When a node says that it cannot serve some of its users.

import ClusterModel
import OperatorAPI
import ServingAPI
import Testing

@testable import MeridianNode

@Suite struct UnservedStatesTests {
    private static func after(_ time: Duration) -> BootInstant {
        BootInstant(nanoseconds: 1_000).advanced(by: time)
    }

    @Test func statesThatComeBackInTimeAreNotTold() {
        var states = UnservedStates()
        #expect(states.onLook(3, at: Self.after(.zero)) == 0)
        #expect(states.onLook(3, at: Self.after(.seconds(29))) == 0)
        #expect(states.onLook(0, at: Self.after(.seconds(31))) == 0)
        #expect(states.onLook(1, at: Self.after(.seconds(32))) == 0, "the time begins anew")
    }

    @Test func statesThatStayAwayAreToldUntilTheyServe() {
        var states = UnservedStates()
        #expect(states.onLook(17, at: Self.after(.zero)) == 0)
        #expect(states.onLook(17, at: Self.after(.seconds(30))) == 17)
        #expect(states.onLook(2, at: Self.after(.seconds(35))) == 2)
        #expect(states.onLook(0, at: Self.after(.seconds(40))) == 0)
    }

    /// Calls are still taken: most users are served.
    @Test func aNodeWithUnservedUsersIsNotReadyAndTakesCalls() {
        var life = NodeLife()
        life.onUnserved(true)
        #expect(life.state == .starting)
        life.onServing()
        #expect(life.state == .impaired && life.admission == .impaired)
        let isEvacuated = life.evacuate()
        #expect(isEvacuated && life.state == .evacuated)
        life.resume()
        #expect(life.state == .impaired)
        life.onFenced()
        #expect(life.state == .fenced)
        var whole = NodeLife()
        whole.onServing()
        whole.onUnserved(true)
        whole.onUnserved(false)
        #expect(whole.state == .active)
    }
}
