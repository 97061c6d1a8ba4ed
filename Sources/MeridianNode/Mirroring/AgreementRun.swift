// Gets the ends of this origin's older incarnations agreed, once in every start (S1a).

import ActorCluster
import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Personalization
import RegionMirror

/// Asks all members for their seals until each has given one, then has every own log take its ends record. A member that
/// is away holds this up, and with it forgetting (S2); nothing else waits for it.
struct AgreementRun: Sendable {
    let origin: RegionNumber
    let incarnation: Incarnation
    /// All regions of the deployment, this one included.
    let members: [RegionNumber]
    let names: [LogName]
    let system: ClusterActorSystem
    let mirror: RegionMirror
    let router: ShardRouter
    let clock: any NodeClock
    let logger: Logger

    private static let firstDelay: Duration = .milliseconds(50)
    private static let longestDelay: Duration = .seconds(2)
    /// How long the own logs have for reaching the ends and taking the record. Then seals are collected again: a member
    /// that held the longest copy may have lost its disk since, and nobody can reach that end any more.
    private static let patience: Duration = .seconds(20)

    /// Returns once every own log holds its ends record.
    func run() async throws {
        while try await !agree() {
            logger.warning("the ends of older incarnations are not reached yet; collecting seals again")
        }
        logger.notice("ends agreed", metadata: ["incarnation": "\(String(incarnation.rawValue, radix: 16))"])
    }

    /// One collection. Whether every own log took its record.
    private func agree() async throws -> Bool {
        var agreement = EndsAgreement(origin: origin, incarnation: incarnation, members: members)
        var delay = Self.firstDelay
        while !agreement.missing.isEmpty {
            for (member, answer) in await ask(agreement.missing) { agreement.onAnswer(answer, of: member) }
            if agreement.missing.isEmpty { break }
            try await clock.sleep(for: delay)
            delay = min(delay * 2, Self.longestDelay)
        }
        let agreed = try ends(agreement)
        for ends in agreed { mirror.onCollected(ends) }
        for ends in agreed { router.agree(ends.name, ends.ends) }
        delay = Self.firstDelay
        let deadline = clock.bootTime().advanced(by: Self.patience)
        while names.contains(where: { mirror.agreedWriter(of: $0) != incarnation }) {
            guard clock.bootTime() < deadline else { return false }
            try await clock.sleep(for: delay)
            delay = min(delay * 2, Self.longestDelay)
        }
        return true
    }

    private func ends(_ agreement: EndsAgreement) throws -> [AgreedEnds] {
        var agreed: [AgreedEnds] = []
        for name in names {
            do {
                guard let ends = try agreement.ends(of: name) else { continue }
                agreed.append(AgreedEnds(name: name, writer: incarnation, ends: ends))
            } catch {
                logger.error(
                    "the ends of a log cannot be agreed; see Runbooks/mirror-stopped.md",
                    metadata: ["log": "\(name)", "error": "\(error)"])
            }
        }
        return agreed
    }

    /// The answers of those who gave one.
    private func ask(_ missing: [RegionNumber]) async -> [(RegionNumber, SealAnswer)] {
        await withTaskGroup(of: (RegionNumber, SealAnswer)?.self) { group in
            for member in missing {
                group.addTask { [self] in
                    do {
                        let keeper = try LineageKeeper.resolve(id: LineageKeeper.identity(in: member), using: system)
                        return (member, try await keeper.seal(origin, below: incarnation))
                    } catch {
                        logger.debug("no seal yet", metadata: ["region": "\(member.rawValue)", "error": "\(error)"])
                        return nil
                    }
                }
            }
            var answers: [(RegionNumber, SealAnswer)] = []
            for await case let answer? in group { answers.append(answer) }
            return answers
        }
    }
}
