// The real clock: forward, and the right way round.

import ClusterModel
import HostEnvironment
import NodeEnvironment
import Testing

@Suite struct HostClockTests {
    @Test func bootTimeGrowsAndDifferencesHaveTheRightSign() async throws {
        let clock = HostClock()
        let start = clock.bootTime()
        try await clock.sleep(for: .milliseconds(1))
        let end = clock.bootTime()
        #expect(end.since(start) >= .milliseconds(1))
        #expect(start.since(end) < .zero)
        #expect(clock.wallTime() > WallTime(milliseconds: 1_700_000_000_000))
    }

    @Test func sleepEndsWithItsTask() async {
        let clock = HostClock()
        let ended = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await clock.sleep(for: .seconds(3_600))
                    return false
                } catch {
                    return error is CancellationError
                }
            }
            group.cancelAll()
            return await group.next() ?? false
        }
        #expect(ended)
    }
}
