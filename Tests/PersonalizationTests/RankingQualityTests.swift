// Whether the policy predicts what users turn to. Figures are printed; only a wide margin over chance is asserted.

import ClusterModel
import Foundation
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct RankingQualityTests {
    /// The data set beside the repository, or where MERIDIAN_DATA says.
    private static let deskdrop: String? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = ProcessInfo.processInfo.environment["MERIDIAN_DATA"] ?? root.appending(path: "../shared/data").path
        let path = "\(folder)/deskdrop/events.tsv"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    /// A made-up public: two favourite categories each, three clicks of four inside them, Zipf's law within a category.
    @Test func tasteIsFoundInGeneratedTraffic() throws {
        var generator = SeededGenerator(seed: 42)
        let categories = 20
        let items = try (0..<1_000).map { place in
            try ContentItem(
                id: "item-\(place)", category: "category-\(place % categories)",
                publishedAt: ContentSamples.hoursAgo(48))
        }
        var clicks: [RankingReplay.Click] = []
        for place in 0..<8_000 {
            let user = Int(generator.next() % 300)
            let favourite = (user * 7 + (generator.next() % 3 == 0 ? 11 : 0)) % categories
            let category = generator.next() % 4 == 0 ? Int(generator.next() % UInt64(categories)) : favourite
            // Twice the trailing zeros of a random word: each rank half as likely as the one before.
            let rank = min(49, generator.next().trailingZeroBitCount * 3 + Int(generator.next() % 3))
            clicks.append(
                RankingReplay.Click(
                    user: "user-\(user)", content: "item-\(rank * categories + category)",
                    category: "category-\(category)",
                    time: ContentSamples.now.advanced(by: .seconds(place * 10))))
        }
        var replay = RankingReplay(firstScored: 4_000)
        replay.stride = 3
        let outcome = try replay.run(clicks, items: items)
        print("generated traffic, seed 42: \(outcome)")
        #expect(outcome.targets > 100)
        #expect(Double(outcome.personal) > 5 * outcome.random)
        #expect(outcome.personal > outcome.anonymous)
    }

    @Test(.enabled(if: deskdrop != nil)) func articlesAreFoundInRealTraffic() throws {
        let clicks = try Self.readDeskdrop(try #require(Self.deskdrop))
        var replay = RankingReplay(firstScored: clicks.count * 6 / 10)
        replay.stride = Int(ProcessInfo.processInfo.environment["MERIDIAN_REPLAY_STRIDE"] ?? "") ?? 40
        let outcome = try replay.run(clicks)
        print("deskdrop, popularity up to 60 s old: \(outcome)")
        #expect(outcome.targets > 100)
        #expect(Double(outcome.personal) > 20 * outcome.random)
    }

    private static func readDeskdrop(_ path: String) throws -> [RankingReplay.Click] {
        let rows = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst()
        let clicks = rows.compactMap { row -> RankingReplay.Click? in
            let fields = row.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count > 3, let seconds = UInt64(fields[0]) else { return nil }
            return RankingReplay.Click(
                user: String(fields[3]), content: String(fields[2]), kind: fields[1] == "VIEW" ? .click : .like,
                time: WallTime(milliseconds: seconds * 1_000))
        }
        // Rows of one second keep the file's order.
        return clicks.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
    }
}
