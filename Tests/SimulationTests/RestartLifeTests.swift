// S1b: many restarts cost what few do.

import MeridianSimulation
import Testing

@Suite struct RestartLifeTests {
    /// Tables, pulls and files of the 90th restart are no larger than those of the 30th: what is settled has left.
    @Test(arguments: [2, 3])
    func tablesStayFlatOverRestarts(regions: Int) throws {
        let life = try RestartLife(seed: 7_001, regions: regions, partitions: 2)
        try life.begin()
        let early = try life.restart(30)
        let late = try life.restart(60)
        #expect(late.restarts == 90)
        #expect(late.logs <= early.logs * 3 / 2, "\(early) \(late)")
        #expect(late.pullBytes <= early.pullBytes * 3 / 2 && late.replyBytes <= early.replyBytes * 3 / 2)
        #expect(late.lineageBytes <= early.lineageBytes * 3 / 2)
        #expect(late.diskFiles <= early.diskFiles * 2)
        let wrong = try life.verify()
        #expect(wrong == [])
    }
}
