// Where a replay takes its content and its visits from.

package import NodeEnvironment

/// A catalogue, then an endless stream of visits in time order. Not thread-safe: one driver draws from it.
package struct ReplaySource: Sendable {
    /// What the summary calls the input.
    package enum Input: String, Hashable, Sendable {
        case deskdrop
        case generated
    }

    package let input: Input
    package let items: [CatalogueItem]
    private let recorded: [ReplayStep]
    private var next = 0
    private var generated: GeneratedTraffic?
    /// How often a recorded log was begun again because it was used up; always 0 for generated input.
    package private(set) var repetitions = 0

    /// Deskdrop's visits with the Upworthy catalogue beside its own articles, where `directory` has them; a directory
    /// that is given and lacks deskdrop/events.tsv is an error. Without one: generated from `seed`. Blocks on the disk.
    package init(directory: String?, seed: UInt64, files: any FileStore) throws(DatasetError) {
        guard let directory else {
            self.init(generated: GeneratedTraffic(seed: seed))
            return
        }
        let replay = try DeskdropReplay(path: "\(directory)/deskdrop/events.tsv", files: files)
        guard !replay.steps.isEmpty else {
            throw DatasetError(.unreadable, path: "\(directory)/deskdrop/events.tsv", "the file has no rows")
        }
        var items = replay.items
        let packages = "\(directory)/upworthy/packages.tsv"
        if files.exists(packages) { try Self.append(packages, to: &items, files: files) }
        self.init(input: .deskdrop, items: items, recorded: replay.steps, generated: nil)
    }

    package init(generated traffic: GeneratedTraffic) {
        self.init(input: .generated, items: traffic.items, recorded: [], generated: traffic)
    }

    private init(input: Input, items: [CatalogueItem], recorded: [ReplayStep], generated: GeneratedTraffic?) {
        self.input = input
        self.items = items
        self.recorded = recorded
        self.generated = generated
    }

    /// The next visit. A recorded log that is used up starts again; `repetitions` counts it.
    package mutating func nextStep() -> ReplayStep {
        if let step = generated?.nextStep() { return step }
        let step = recorded[next]
        next += 1
        if next == recorded.count {
            next = 0
            repetitions += 1
        }
        return step
    }

    private static func append(
        _ path: String, to items: inout [CatalogueItem], files: any FileStore
    ) throws(DatasetError) {
        var reader = try UpworthyPackages(path: path, files: files)
        while let package = try reader.next() {
            guard items.count < DatasetLimits.contents else {
                throw DatasetError(.tooManyRows, path: path, "more than \(DatasetLimits.contents) items")
            }
            items.append(package.item)
        }
    }
}
