// Which generations of a file stay (S8): the newest two that verify. One that does not verify never counts, and pushes none
// out. Pure.

/// What was found when a generation was read.
package enum GenerationVerdict: Hashable, Sendable {
    case verified
    /// Its bytes are wrong, or it is not for this reader.
    case damaged
    /// Nobody knows: the disk or the process could not read it now. It is never removed for that.
    case unreadable
}

/// Built by looking at generations from the newest on, as long as `isOpen`.
package struct GenerationChoice: Hashable, Sendable {
    /// As many as verify are kept.
    package static let kept = 2
    /// Damaged ones that stay, for whoever looks into it, while fewer than `kept` verify.
    package static let damagedKept = 2

    /// Newest first.
    package private(set) var verified: [FileGeneration] = []
    private var damaged: [FileGeneration] = []

    package init() {}

    /// Whether more have to be looked at.
    package var isOpen: Bool { verified.count < Self.kept }

    package mutating func onLook(_ generation: FileGeneration, _ verdict: GenerationVerdict) {
        switch verdict {
        case .verified: verified.append(generation)
        case .damaged: damaged.append(generation)
        case .unreadable: break
        }
    }

    /// What may be removed. `unseen`: those that were not looked at, all older than what was. Ascending: what a crash leaves
    /// of it is never an older one without a newer one.
    package func going(unseen: [FileGeneration]) -> [FileGeneration] {
        isOpen ? damaged.dropFirst(Self.damagedKept).sorted() : (damaged + unseen).sorted()
    }
}
