// Whether all regions hold the same state (S10), from digests that were asked for again and again. Pure.

/// Regions go on appending while they are asked, if only time marks, so one answer rarely shows every partition at the
/// same vector everywhere. Each partition is decided by the first answer that decides it:
///
/// - equal digests everywhere: the same state, and vectors can differ only by records that change no state;
/// - different digests of two regions at one vector and one apply version: different states, which must not be;
/// - different digests at different vectors: nothing is shown, ask again.
package struct RegionComparison: Hashable, Sendable {
    package enum Finding: Hashable, Sendable {
        case equal
        case different
    }

    /// Why a partition is undecided after its last answer.
    package enum Obstacle: String, Hashable, Sendable {
        case vectorsDiffer = "vectors differ"
        case applyVersionsDiffer = "apply versions differ"
        case missing = "not in every answer"
    }

    /// By partition.
    package private(set) var findings: [UInt32: Finding] = [:]
    package private(set) var undecided: [UInt32: Obstacle] = [:]
    /// The same of the catalogues, which every answer is about.
    package private(set) var content: Finding?
    package private(set) var contentObstacle: Obstacle?
    package private(set) var attempts = 0
    /// There is one region: nothing to compare, and nothing that is wrong.
    private var isAlone = false
    /// The regions of the last answer that did not answer, with the reason.
    package private(set) var silent: [DigestReport] = []
    /// By region, in the order of the last answer; each partition as in the answer that decided it, or the last one.
    package private(set) var regions: [DigestReport] = []

    package init() {}

    /// One answer about all regions.
    package mutating func onAnswer(_ answer: [DigestReport]) {
        attempts += 1
        silent = answer.filter { !$0.failure.isEmpty }
        let heard = answer.filter(\.failure.isEmpty)
        isAlone = answer.count == 1 && heard.first?.partitions.isEmpty == false
        // What was open and is in no answer any more is not decided by that.
        let asked = Set(heard.flatMap { $0.partitions.map(\.partition) }).union(undecided.keys)
        undecided = [:]
        for partition in asked.sorted() where findings[partition] == nil && !isAlone {
            switch Self.compare(heard.map { report in report.partitions.first { $0.partition == partition } }) {
            case .success(let finding): findings[partition] = finding
            case .failure(let obstacle): undecided[partition] = obstacle.why
            }
        }
        compareContent(heard)
        keep(answer)
    }

    private mutating func compareContent(_ heard: [DigestReport]) {
        guard content == nil, !isAlone else { return }
        contentObstacle = nil
        switch Self.compare(heard.map(\.content)) {
        case .success(let finding): content = finding
        case .failure(let obstacle): contentObstacle = obstacle.why
        }
    }

    private struct Undecided: Error { var why: Obstacle }

    /// One partition, over all regions that answered.
    private static func compare(_ reports: [DigestReport.Partition?]) -> Result<Finding, Undecided> {
        let known = reports.compactMap(\.self)
        for (place, one) in known.enumerated() {
            for other in known[(place + 1)...]
            where one.digest != other.digest && one.applyVersion == other.applyVersion
                && one.normalVector == other.normalVector
            {
                return .success(.different)
            }
        }
        guard known.count == reports.count, known.count > 1 else { return .failure(Undecided(why: .missing)) }
        guard Set(known.map(\.applyVersion)).count <= 1 else {
            return .failure(Undecided(why: .applyVersionsDiffer))
        }
        guard Set(known.map(\.digest)).count <= 1 else { return .failure(Undecided(why: .vectorsDiffer)) }
        return .success(.equal)
    }

    private mutating func keep(_ answer: [DigestReport]) {
        let before = Dictionary(regions.map { ($0.region, $0.partitions) }, uniquingKeysWith: { first, _ in first })
        regions = answer.map { report in
            let decided = (before[report.region] ?? []).filter { old in
                !report.partitions.contains { $0.partition == old.partition }
            }
            var kept = report
            kept.partitions = (decided + report.partitions).sorted { $0.partition < $1.partition }
            return kept
        }
    }

    /// The partitions that are undecided.
    package var open: [UInt32] { undecided.keys.sorted() }

    /// Ask about these again; empty when all is decided. Every answer tells of the catalogue, so where that alone is open one
    /// partition is enough.
    package var next: [UInt32] {
        open.isEmpty && contentObstacle != nil ? Array(findings.keys.sorted().prefix(1)) : open
    }

    /// Whether something differs that must not.
    package var isDifferent: Bool { !different.isEmpty || content == .different }

    package var different: [UInt32] { findings.filter { $0.value == .different }.keys.sorted() }

    package var equal: [UInt32] { findings.filter { $0.value == .equal }.keys.sorted() }

    /// What the comparison showed. A difference outweighs silence: it is there whatever the others say.
    package var status: ExitStatus {
        if isDifferent { return .doesNotHold }
        if !silent.isEmpty { return .unreachable }
        return isAlone || (undecided.isEmpty && !findings.isEmpty && content == .equal) ? .success : .inconclusive
    }

    /// The keys of the command's JSON object.
    package var answer: JSONValue {
        .object([
            "digests_equal": status == .success && !isAlone
                ? .boolean(true) : isDifferent ? .boolean(false) : .null,
            "content_equal": content.map { .boolean($0 == .equal) } ?? .null,
            "content_undecided": contentObstacle.map { .string($0.rawValue) } ?? .null,
            "attempts": .count(attempts), "equal_partitions": .count(equal.count),
            "different_partitions": .array(different.map { .count($0) }),
            "undecided_partitions": .array(
                open.map { partition in
                    .object([
                        "partition": .count(partition),
                        "reason": .string(undecided[partition]?.rawValue ?? ""),
                    ])
                }),
            "silent_regions": .array(silent.map { .string($0.title) }),
            "regions": .array(regions.map(\.regionAnswer)),
        ])
    }

    package var summary: String {
        var lines = regions.map { region in
            region.failure.isEmpty
                ? "\(region.title): \(region.partitions.count) partitions"
                : "\(region.title): no answer: \(region.failure)"
        }
        if isAlone { lines.append("one region: there is nothing to compare") }
        if regions.count - silent.count > 1 {
            lines.append("\(equal.count) partitions hold the same state in every region that answered")
        }
        if !different.isEmpty { lines.append("DIFFERENT at equal vectors: partitions \(Self.list(different))") }
        switch (content, contentObstacle) {
        case (.equal?, _): lines.append("the catalogues of the regions that answered are the same")
        case (.different?, _): lines.append("DIFFERENT at equal vectors: content")
        case (nil, let why?): lines.append("not compared, \(why.rawValue): content")
        case (nil, nil): break
        }
        for (reason, partitions) in Dictionary(grouping: open, by: { undecided[$0]?.rawValue ?? "" })
            .sorted(by: { $0.key < $1.key })
        {
            lines.append("not compared, \(reason): partitions \(Self.list(partitions))")
        }
        return lines.joined(separator: "\n")
    }

    private static func list(_ partitions: [UInt32]) -> String {
        let listed = 16
        let text = partitions.prefix(listed).map(String.init).joined(separator: ", ")
        return partitions.count > listed ? "\(text) and \(partitions.count - listed) more" : text
    }
}

extension DigestReport {
    /// The region for people.
    fileprivate var title: String {
        name.isEmpty ? region.map { "region \($0)" } ?? "log" : name
    }
}
