// Gets the ends of this origin's older incarnations agreed, once in every start (S1a).

import ActorCluster
import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Personalization
import RegionMirror

/// Asks all members for their seals until each has given one, tells them the ends that came out of it, and once all hold
/// every byte that these name, has every own log take its ends record. A member that is away holds this up, and with it
/// forgetting (S2); nothing else waits for it.
struct AgreementRun: Sendable {
    let origin: RegionNumber
    let incarnation: Incarnation
    /// All regions of the deployment, this one included.
    let members: [RegionNumber]
    let names: [LogName]
    let partitions: UInt32
    let system: ClusterActorSystem
    let mirror: RegionMirror
    let router: ShardRouter
    let clock: any NodeClock
    let logger: Logger

    private static let firstDelay: Duration = .milliseconds(50)
    private static let longestDelay: Duration = .seconds(2)
    /// How long members have for reaching the ends, and the own logs for taking the record. Then seals are collected
    /// again: a member that held the longest copy may have lost its disk since, and nobody can reach that end any more.
    private static let patience: Duration = .seconds(20)

    /// Returns once every own log holds its ends record.
    func run() async throws {
        var round = SealRound(origin: origin, incarnation: incarnation)
        while try await !agree(in: round) {
            logger.warning("the ends of older incarnations are not reached yet; collecting seals again")
            round = round.next
        }
        logger.notice("ends agreed", metadata: ["incarnation": "\(String(incarnation.rawValue, radix: 16))"])
    }

    /// Whether every own log took its record.
    private func agree(in round: SealRound) async throws -> Bool {
        for question in SealQuestion.all(of: round, partitions: partitions) {
            let asked = names.filter { question.concerns($0) && mirror.agreedWriter(of: $0) != incarnation }
            guard !asked.isEmpty else { continue }
            let agreed = try await collect(question, asked)
            guard let collected = CollectedEnds(round: round, ends: agreed), try await lift(to: collected) else {
                return false
            }
            for ends in agreed { router.agree(ends.name, ends.ends) }
        }
        var delay = Self.firstDelay
        let deadline = clock.bootTime().advanced(by: Self.patience)
        while names.contains(where: { mirror.agreedWriter(of: $0) != incarnation }) {
            guard clock.bootTime() < deadline else { return false }
            try await clock.sleep(for: delay)
            delay = min(delay * 2, Self.longestDelay)
        }
        return true
    }

    /// The ends that all members' seals come to, of every log on whose ends they can agree.
    private func collect(_ question: SealQuestion, _ names: [LogName]) async throws -> [AgreedEnds] {
        var agreement = EndsAgreement(origin: origin, incarnation: incarnation, members: members)
        var delay = Self.firstDelay
        while true {
            for (member, answer) in await ask(agreement.missing, { try await $0.seal(question) }) {
                agreement.onAnswer(answer, of: member)
            }
            guard !agreement.missing.isEmpty else { return ends(agreement, names) }
            try await clock.sleep(for: delay)
            delay = min(delay * 2, Self.longestDelay)
        }
    }

    /// Whether all members came to hold the ends in time.
    private func lift(to collected: CollectedEnds) async throws -> Bool {
        var waiting = members
        var delay = Self.firstDelay
        let deadline = clock.bootTime().advanced(by: Self.patience)
        while true {
            for (member, answer) in await ask(waiting, { try await $0.lift(to: collected) }) {
                guard answer != .otherRound else { return false }
                if answer == .reached { waiting.removeAll { $0 == member } }
            }
            if waiting.isEmpty { return true }
            guard clock.bootTime() < deadline else { return false }
            try await clock.sleep(for: delay)
            delay = min(delay * 2, Self.longestDelay)
        }
    }

    private func ends(_ agreement: EndsAgreement, _ names: [LogName]) -> [AgreedEnds] {
        var agreed: [AgreedEnds] = []
        for name in names {
            do {
                guard let ends = try agreement.ends(of: name) else { continue }
                if let ends = AgreedEnds(name: name, writer: incarnation, ends: ends) { agreed.append(ends) }
            } catch {
                logger.error(
                    "the ends of a log cannot be agreed; see Runbooks/mirror-stopped.md",
                    metadata: ["log": "\(name)", "error": "\(error)"])
            }
        }
        return agreed
    }

    /// The answers of those who gave one.
    private func ask<Answer: Sendable>(
        _ asked: [RegionNumber], _ question: @escaping @Sendable (LineageKeeper) async throws -> Answer
    ) async -> [(RegionNumber, Answer)] {
        await withTaskGroup(of: (RegionNumber, Answer)?.self) { group in
            for member in asked {
                group.addTask { [self] in
                    do {
                        let keeper = try LineageKeeper.resolve(id: LineageKeeper.identity(in: member), using: system)
                        // Seals and lifts may be asked for twice.
                        return try await ClusterActorSystem.$mayRepeat.withValue(true) {
                            (member, try await question(keeper))
                        }
                    } catch {
                        logger.debug("no answer yet", metadata: ["region": "\(member.rawValue)", "error": "\(error)"])
                        return nil
                    }
                }
            }
            var answers: [(RegionNumber, Answer)] = []
            for await case let answer? in group { answers.append(answer) }
            return answers
        }
    }
}
