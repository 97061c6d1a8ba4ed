// What members tell each other of the ends of lines (S1a), and what a member keeps of it.

import ClusterModel
import EventLog
import Personalization
import RegionMirror

/// Seals, what a round came to, and answers: the first byte says which.
struct LineageTarget: ExtremesTarget {
    let name = "lineage"
    let grammar = ExtremesGrammar(bounds: MeshSamples.bounds, strides: [40, 16])
    private let log = MeshSamples.logs[1]

    private var round: SealRound { SealRound(origin: log.name.region, incarnation: log.incarnation, number: 3) }

    var seeds: [[UInt8]] {
        let answers = [
            SealAnswer(lengths: [], agreed: []),
            SealAnswer(
                lengths: MeshSamples.logs.map { MeshSamples.point($0, 9) }, agreed: MeshSamples.ends(log)),
        ]
        let collected = CollectedEnds(round: round, ends: MeshSamples.ends(log))
        return answers.map { answer in written(0) { answer.encode(into: &$0) } }
            + [written(1) { (collected ?? CollectedEnds(of: round)).encode(into: &$0) }]
            + [written(2) { SealQuestion(round).encode(into: &$0) }]
            + [written(3) { LiftAnswer.reached.encode(into: &$0) }]
    }

    private func written(_ kind: UInt8, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(kind)
        body(&writer)
        return writer.bytes
    }

    func run(_ bytes: [UInt8]) -> Bool {
        var reader = ByteReader(bytes)
        guard let kind = try? reader.read(UInt8.self) else { return false }
        switch kind {
        case 0: return (try? SealAnswer(from: &reader)).map { take($0) } ?? false
        case 1: return (try? CollectedEnds(from: &reader)).map { take($0) } ?? false
        case 2: return (try? SealQuestion(from: &reader)).map { $0.concerns(log.name) || take($0.round) } ?? false
        case 3: return (try? LiftAnswer(from: &reader)) != nil
        default: return false
        }
    }

    private func take(_ answer: SealAnswer) -> Bool {
        for incarnation in [log.incarnation, Incarnation(.max)] {
            var agreement = EndsAgreement(
                origin: log.name.region, incarnation: incarnation, members: [RegionNumber(1), RegionNumber(2)])
            agreement.onAnswer(answer, of: RegionNumber(1))
            agreement.onAnswer(SealAnswer(lengths: [], agreed: []), of: RegionNumber(2))
            // Two chains, and too many incarnations, are refusals.
            _ = try? agreement.ends(of: log.name)
        }
        for ends in answer.agreed { learn(ends) }
        return true
    }

    private func take(_ collected: CollectedEnds) -> Bool {
        var facts = LineageFacts(limits: MeshSamples.limits)
        _ = facts.seal(collected.round)
        _ = facts.onCollected(collected)
        for ends in collected.ends {
            learn(ends)
            for listed in ends.ends.ends {
                _ = facts.limit(of: LogIdentity(name: ends.name, incarnation: listed.incarnation))
            }
        }
        return true
    }

    private func take(_ round: SealRound) -> Bool {
        var facts = LineageFacts(limits: MeshSamples.limits)
        _ = (facts.seal(round), facts.seal(round.next), facts.limit(of: log))
        return SealBook(decoding: facts.seals.encoded) == facts.seals
    }

    /// A replica hears of the ends, and so does a mirror.
    private func learn(_ ends: AgreedEnds) {
        var state = ExtremesSamples.state()
        state.learn(ends)
        _ = (state.lines.exceedsAgreedEnds, state.lines.time(of: ends.name.region), state.lines.vector)
        var facts = LineageFacts(limits: MeshSamples.limits)
        _ = facts.onAgreed(ends)
        _ = (facts.servedEnd(of: log), facts.all.count)
    }
}

/// The file of a member's promises.
struct SealsTarget: ExtremesTarget {
    let name = "seals"
    let grammar = ExtremesGrammar(bounds: [UInt64(SealBook.maxOrigins)], strides: [10])

    var seeds: [[UInt8]] {
        [0, 1, 3].map { count in
            var book = SealBook()
            for region in 0..<UInt16(count) {
                _ = book.seal(RegionNumber(region), below: MeshSamples.logs[0].incarnation)
            }
            return book.encoded
        }
    }

    func seal(_ bytes: inout [UInt8]) { Checksums.sealWhole(&bytes) }

    func run(_ bytes: [UInt8]) -> Bool {
        guard var book = SealBook(decoding: bytes) else { return false }
        _ = (book.isSealed(MeshSamples.logs[0]), book.covers(RegionNumber(1), below: Incarnation(.max)))
        _ = book.seal(RegionNumber(1), below: Incarnation(.max))
        return SealBook(decoding: book.encoded) == book
    }
}
