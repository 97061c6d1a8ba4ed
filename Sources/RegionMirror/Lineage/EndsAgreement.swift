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

    /// The ends record of a log's line: it stands on the highest sealed base that the newest known record does not pass over,
    /// and lists the longest sealed copy of each incarnation from there on, up to where a known record cuts it. An end that
    /// nobody holds any more is lowered (S1a). Nil while a member is missing. Throws `.otherChain` where the longest copies
    /// are of two chains, and `.tooManyIncarnations` above `EndsRecord.maxEnds`.
    package func ends(of name: LogName) throws(MirrorError) -> EndsRecord? {
        guard missing.isEmpty else { return nil }
        let known = chain(of: name)
        let base = base(of: name, known)
        var longest: [Incarnation: LogPoint] = [:]
        for member in members {
            for length in answers[member]?.lengths ?? [] where length.log.name == name {
                let older = length.log.incarnation
                guard older >= base.number, older < incarnation else { continue }
                longest[older] = try Self.longer(longest[older], length, upTo: known?.end(of: older))
            }
        }
        let ends = longest.map { older, length in
            EndsRecord.End(incarnation: older, end: min(length.offset, known?.end(of: older) ?? length.offset))
        }.filter { $0.end > .zero }
        guard let record = EndsRecord(on: base, ends) else {
            throw MirrorError(
                .tooManyIncarnations, "\(name) has more than \(EndsRecord.maxEnds) older incarnations")
        }
        return record
    }

    /// The chain with the highest number, all that is known of it.
    private func chain(of name: LogName) -> EndsChain? {
        var newest: EndsChain?
        for member in members {
            for agreed in answers[member]?.agreed ?? [] where agreed.name == name && agreed.writer < incarnation {
                if newest == nil { newest = agreed.chain } else { _ = newest?.merge(agreed.chain) }
            }
        }
        return newest
    }

    /// A state that stands elsewhere has to be bootstrapped. Where all do, the highest of them counts.
    private func base(of name: LogName, _ known: EndsChain?) -> EndsPoint {
        let sealed = members.map { member in
            answers[member]?.bases.first { $0.name == name }?.point ?? .genesis
        }.filter { $0.number < incarnation }
        let standing = sealed.filter { known?.contains($0) ?? true }
        return (standing.isEmpty ? sealed : standing).max { $0.number < $1.number } ?? .genesis
    }

    /// Two copies that both go beyond an agreed end may differ there: it is cut.
    private static func longer(
        _ known: LogPoint?, _ other: LogPoint, upTo end: Offset?
    ) throws(MirrorError) -> LogPoint {
        guard let known else { return other }
        guard end.map({ other.offset <= $0 }) ?? true else { return known.offset < other.offset ? other : known }
        guard known.offset != other.offset || known.digest == other.digest else {
            throw MirrorError(.otherChain, "\(known.log) has two chains at offset \(known.offset.rawValue)")
        }
        return known.offset < other.offset ? other : known
    }
}
