// The request to stop, and a start that it meets.

import OperatorAPI
import Synchronization
import Testing

@testable import MeridianNode

@Suite struct StopRequestTests {
    private final class Calls: Sendable {
        let count = Atomic<Int>(0)
        func note() { count.wrappingAdd(1, ordering: .relaxed) }
    }

    @Test func everyListenerHearsItOnceWheneverItCame() async {
        let (stop, calls) = (StopRequest(), Calls())
        stop.onRequest { calls.note() }
        #expect(!stop.isRequested)
        stop.request()
        stop.request()
        stop.onRequest { calls.note() }
        #expect(stop.isRequested)
        #expect(calls.count.load(ordering: .relaxed) == 2)
        await stop.untilRequested()
    }

    @Test func aPartOfAStartIsCancelledByIt() async {
        let stop = StopRequest()
        await #expect(throws: CancellationError.self) {
            try await stop.unlessRequested {
                stop.request()
                // Ends by cancellation only.
                let (stream, source) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
                for await _ in stream {}
                withExtendedLifetime(source) {}
                struct Interrupted: Error {}
                throw Interrupted()
            }
        }
        await #expect(throws: CancellationError.self) { try await stop.unlessRequested { 1 } }
    }

    @Test func whatWasMadeAllTheSameIsHandedOver() async throws {
        let stop = StopRequest()
        let made = try await stop.unlessRequested {
            stop.request()
            return 7
        }
        #expect(made == 7)
    }

    @Test func anotherFailureIsPassedOn() async {
        struct Refused: Error {}
        let stop = StopRequest()
        await #expect(throws: Refused.self) { try await stop.unlessRequested { throw Refused() } }
    }

    @Test func aNodeThatStopsDrainsInEveryState() {
        for change in [{ _ in }, { $0.onServing() }, { $0.onFenced() }] as [(inout NodeLife) -> Void] {
            var life = NodeLife()
            change(&life)
            life.onStopping()
            #expect(life.state == .draining)
            life.resume()
            #expect(life.state == .draining)
        }
    }
}
