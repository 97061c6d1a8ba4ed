// S1b: when a start opens an incarnation, and what it says otherwise.

import EventLog
import Testing

@testable import MeridianNode

@Suite struct OpeningGateTests {
    private func obstacle(
        _ unsettled: Int, unrecorded: Int = 1, absent: [String] = [], slowest: String? = "c", settles: Bool = true
    ) -> String? {
        OpeningGate(unsettled: unsettled, unrecorded: unrecorded, absent: absent, slowest: slowest, settles: settles)
            .obstacle
    }

    @Test("S1b: below 1,024 unsettled starts one more is opened, whoever is away")
    func few() {
        #expect(UnsettledStarts.waited == 1_024)
        #expect(obstacle(1_023, unrecorded: 1_023, absent: ["b"]) == nil)
    }

    @Test("S1b: from 1,024 on nothing is opened, and whoever holds them up is named")
    func many() throws {
        let away = try #require(obstacle(1_024, unrecorded: 1_024, absent: ["b", "d"]))
        #expect(away.contains("1024 starts") && away.contains("region b, region d, which is not connected"))
        let slow = try #require(obstacle(1_024))
        #expect(slow.contains("region c, whose snapshots do not stand on them yet"))
    }

    @Test("S1b: where only a new start's record settles them, and all are there to seal, one is opened")
    func onlyARecordHelps() {
        #expect(obstacle(2_000, unrecorded: 1_024) == nil)
        // What readers may hold back does not settle by itself.
        #expect(obstacle(1_024, unrecorded: 1_024 - 64) == nil)
        #expect(obstacle(1_024, unrecorded: 1_023 - 64) != nil)
        // Without log.trim nothing ever leaves.
        #expect(obstacle(5_000, settles: false) == nil)
    }
}
