// What an origin's current writer makes of all members' seals (S1a). Pure.

package import ClusterModel
package import EventLog

/// Collects one seal a member and says the ends. A value; one for each incarnation of the origin.
package struct EndsAgreement: Sendable {
    private let origin: RegionNumber
    private let incarnation: Incarnation
    private let members: [RegionNumber]
    private var answers: [RegionNumber: SealAnswer] = [:]

    /// `members`: all of the deployment, the origin among them.
    package init(origin: RegionNumber, incarnation: Incarnation, members: [RegionNumber]) {
        self.origin = origin
        self.incarnation = incarnation
        self.members = members
    }

    /// Who has not sealed yet: it holds up the agreement and nothing else.
    package var missing: [RegionNumber] { members.filter { answers[$0] == nil } }

    package mutating func onAnswer(_ answer: SealAnswer, of member: RegionNumber) {
        if members.contains(member) { answers[member] = answer }
    }

    /// The agreed ends of a log's older incarnations: what was agreed before stands, of the others the longest sealed
    /// copy. Nil while a member is missing. Throws `.otherChain` where the longest copies are of two chains, and
    /// `.tooManyIncarnations` above `EndsRecord.maxEnds`.
    package func ends(of name: LogName) throws(MirrorError) -> EndsRecord? {
        guard missing.isEmpty else { return nil }
        let known = answers.values.flatMap(\.agreed).filter { $0.name == name && $0.writer < incarnation }
            .max { $0.writer < $1.writer }
        var longest: [Incarnation: LogPoint] = [:]
        for member in members {
            for length in answers[member]?.lengths ?? [] where length.log.name == name {
                let older = length.log.incarnation
                guard older < incarnation, known.map({ older >= $0.writer }) ?? true else { continue }
                longest[older] = try Self.longer(longest[older], length)
            }
        }
        let fresh = longest.map { EndsRecord.End(incarnation: $0.key, end: $0.value.offset) }
        guard let record = EndsRecord((known?.ends.ends ?? []) + fresh) else {
            throw MirrorError(
                .tooManyIncarnations, "\(name) has more than \(EndsRecord.maxEnds) older incarnations")
        }
        return record
    }

    private static func longer(_ known: LogPoint?, _ other: LogPoint) throws(MirrorError) -> LogPoint {
        guard let known else { return other }
        guard known.offset != other.offset || known.digest == other.digest else {
            throw MirrorError(.otherChain, "\(known.log) has two chains at offset \(known.offset.rawValue)")
        }
        return known.offset < other.offset ? other : known
    }
}
