// The Upworthy Research Archive (CC BY 4.0, Matias et al. 2021, doi 10.1038/s41597-021-00934-7), as packages.tsv.

package import ClusterModel
package import NodeEnvironment

/// One arm of a randomised headline test.
package struct UpworthyPackage: Hashable, Sendable {
    package var testID: String
    package var arm: Int
    package var createdAt: WallTime
    package var imageID: String
    package var impressions: Int
    package var clicks: Int
    package var isWinner: Bool
    /// The archive reports that this test's randomisation may be broken: leave it out of evaluation.
    package var isAtRisk: Bool
    package var headline: String

    /// The package as content: an arm is an item, its test is the story.
    package var item: CatalogueItem {
        CatalogueItem(
            id: "\(testID):\(arm)", title: headline, story: testID, image: imageID, language: "en",
            publishedAt: createdAt)
    }
}

/// Reads packages.tsv, row by row. Blocks on the disk.
package struct UpworthyPackages: ~Copyable {
    package static let columns = [
        "clickability_test_id", "arm", "created", "test_week", "eyecatcher_id", "impressions", "clicks", "winner",
        "risk", "headline",
    ]

    private var file: TabSeparatedFile

    package init(path: String, files: any FileStore) throws(DatasetError) {
        file = try TabSeparatedFile(path: path, columns: Self.columns, files: files)
    }

    /// Nil after the last row.
    package mutating func next() throws(DatasetError) -> UpworthyPackage? {
        guard let row = try file.nextRow() else { return nil }
        let impressions: Int = try file.integer(row, 5)
        let clicks: Int = try file.integer(row, 6)
        guard clicks >= 0, clicks <= impressions else {
            throw file.failure(.invalidField, "\(clicks) clicks of \(impressions) impressions")
        }
        return UpworthyPackage(
            testID: try file.text(row, 0, maxBytes: 64), arm: try file.integer(row, 1),
            createdAt: WallTime(milliseconds: try file.integer(row, 2, as: UInt64.self) &* 1_000),
            imageID: String(row[4].prefix(64)), impressions: impressions, clicks: clicks,
            isWinner: row[7] == "True", isAtRisk: try flag(row, 8), headline: try file.text(row, 9, maxBytes: 4_096))
    }

    private func flag(_ row: [Substring], _ column: Int) throws(DatasetError) -> Bool {
        switch row[column] {
        case "0": false
        case "1": true
        default: throw file.failure(.invalidField, "\(Self.columns[column]) must be 0 or 1")
        }
    }
}
