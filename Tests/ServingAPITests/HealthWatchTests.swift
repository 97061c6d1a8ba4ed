// What watchers of a node's state hear, and when they stop hearing.

import MeridianProtocol
import Testing

@testable import ServingAPI

@Suite struct HealthWatchTests {
    @Test func watchersHearTheStateAndItsChanges() async {
        let admission = AdmissionControl(limits: AdmissionLimits())
        var states = admission.states().makeAsyncIterator()
        #expect(await states.next() == .starting)
        admission.state = .active
        #expect(await states.next() == .active)
        // The same again is no change; of several changes the last counts.
        admission.state = .active
        admission.state = .fenced
        admission.state = .draining
        #expect(await states.next() == .draining)
    }

    @Test func everyWatcherHearsForItself() async {
        let admission = AdmissionControl(limits: AdmissionLimits())
        admission.state = .active
        var first = admission.states().makeAsyncIterator()
        var second = admission.states().makeAsyncIterator()
        #expect(await first.next() == .active)
        admission.state = .evacuated
        #expect(await first.next() == .evacuated)
        #expect(await second.next() == .evacuated)
    }

    @Test func aWatchEndsWithItsTask() async {
        let admission = AdmissionControl(limits: AdmissionLimits())
        let heard = await withTaskGroup(of: [ServingState].self) { group in
            group.addTask {
                var heard: [ServingState] = []
                for await state in admission.states() { heard.append(state) }
                return heard
            }
            group.cancelAll()
            return await group.next() ?? []
        }
        #expect(heard.count <= 1)
        admission.state = .active
    }

    @Test func onlyAnActiveNodeServes() {
        for state in [ServingState.starting, .draining, .fenced, .evacuated, .impaired] {
            #expect(HealthAnswer.status(of: state) == .notServing)
        }
        #expect(HealthAnswer.status(of: .active) == .serving)
        #expect(HealthAnswer.knows("") && HealthAnswer.knows("meridian.v1.DeliveryService") && !HealthAnswer.knows("x"))
    }
}
