// The parsers: rows become records, bad rows become errors with path and line.

import ClusterModel
import HostEnvironment
import NodeEnvironment
import Testing

@testable import Datasets

@Suite struct ParserTests {
    private static let deskdropHeader = DeskdropEvents.columns.joined(separator: "\t") + "\n"
    private static let upworthyHeader = UpworthyPackages.columns.joined(separator: "\t") + "\n"

    private func deskdrop(_ rows: String) throws -> DeskdropReplay {
        let files = try DataFiles()
        return try DeskdropReplay(path: files.write("events.tsv", Self.deskdropHeader + rows), files: files.store)
    }

    @Test func aVisitIsASessionAndTheFirstEventPublishes() throws {
        let replay = try deskdrop(
            """
            20\tLIKE\ta\tana\ts1\tdesktop-web\tSP\tBR
            10\tVIEW\ta\tana\ts1\tdesktop-web\tSP\tBR
            15\tVIEW\tb\tbob\ts2\tunknown\t\t
            40\tCOMMENT\tb\tana\ts3\tandroid-app\tSP\tBR
            """)
        #expect(replay.items.map(\.id) == ["a", "b"])
        #expect(replay.items.map(\.publishedAt.milliseconds) == [10_000, 15_000])
        #expect(replay.steps.map(\.userID) == ["ana", "bob", "ana"])
        #expect(replay.steps[0].interactions.map(\.action) == [.click, .like])
        #expect(replay.steps[0].profile == RecordedProfile(country: "BR", device: "desktop-web"))
        #expect(replay.steps[1].profile == nil)
        #expect(replay.steps[2].profile?.device == "android-app")
    }

    @Test func aLongSessionIsCutAtTheStepLimit() throws {
        let rows = (0..<DatasetLimits.interactionsPerStep + 1).map { "\($0)\tVIEW\tc\(($0))\tana\ts\tx\t\tBR" }
        let replay = try deskdrop(rows.joined(separator: "\n"))
        #expect(replay.steps.map(\.interactions.count) == [DatasetLimits.interactionsPerStep, 1])
    }

    @Test(arguments: [
        ("x\tVIEW\ta\tp\ts\td\tr\tBR", DatasetError.Code.invalidField),
        ("1\tDANCE\ta\tp\ts\td\tr\tBR", .invalidField),
        ("1\tVIEW\t\tp\ts\td\tr\tBR", .invalidField),
        ("1\tVIEW\ta\tp\ts\td\tr\tBrazil", .invalidField),
        ("1\tVIEW\ta", .wrongFieldCount),
    ])
    func aBadRowIsRefusedWithItsLine(row: String, code: DatasetError.Code) throws {
        let error = try #require(throws: DatasetError.self) { try deskdrop("1\tVIEW\ta\tp\ts\td\tr\tBR\n" + row) }
        #expect(error.code == code && error.line == 3)
    }

    @Test func anotherHeaderIsRefused() throws {
        let files = try DataFiles()
        let path = try files.write("events.tsv", "a\tb\n")
        let error = try #require(throws: DatasetError.self) { try DeskdropReplay(path: path, files: files.store) }
        #expect(error.code == .unexpectedHeader && error.line == 1)
    }

    @Test func aPackageBecomesContent() throws {
        let files = try DataFiles()
        let path = try files.write(
            "packages.tsv", Self.upworthyHeader + "t\t2\t1363370089\t201311\timg\t10\t3\tTrue\t0\tA headline\n")
        var packages = try UpworthyPackages(path: path, files: files.store)
        let package = try #require(try packages.next())
        #expect(package.isWinner && !package.isAtRisk && package.clicks == 3)
        #expect(package.item.id == "t:2" && package.item.story == "t" && package.item.image == "img")
        #expect(package.item.publishedAt == WallTime(milliseconds: 1_363_370_089_000))
        #expect(try packages.next() == nil)
    }

    @Test func moreClicksThanImpressionsAreRefused() throws {
        let files = try DataFiles()
        let path = try files.write(
            "packages.tsv", Self.upworthyHeader + "t\t2\t1363370089\t201311\timg\t10\t11\tTrue\t0\tA headline\n")
        var packages = try UpworthyPackages(path: path, files: files.store)
        do {
            _ = try packages.next()
            Issue.record("an impossible row was read")
        } catch {
            #expect(error.code == .invalidField && error.line == 2)
        }
    }
}
