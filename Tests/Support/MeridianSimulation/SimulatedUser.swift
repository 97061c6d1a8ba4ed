// One user of the simulated phones: reports, reads and repeats, one call at a time.

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment

/// Does random things until its steps are used up, and writes into the ledger what it was told.
struct SimulatedUser {
    private let name: String
    private let client: MeridianClient
    private let clock: any NodeClock
    private let ledger: EventLedger
    private var generator: SeededGenerator
    private let partition: PartitionID
    /// The places that the session's token names.
    private var places: [AcknowledgedPlace] = []
    /// The token names a place that no reply told: what reads say about it cannot be checked.
    private var namesMore = false
    /// What the last slate showed: events answer to it.
    private var seen: [Meridian_V1_ContentSuggestion] = []
    /// Acknowledged events, to be sent again.
    private var settled: [Meridian_V1_Interaction] = []
    /// Events whose outcome is unknown, to be sent again.
    private var unknown: [Meridian_V1_Interaction] = []

    /// Some callers are patient, some give up while the node is down: their outcomes are then unknown.
    private static let timeouts: [Duration] = [.milliseconds(60), .milliseconds(250), .seconds(3), .seconds(3)]
    static let contents = 40

    init(
        name: String, partitions: PartitionCount, client: MeridianClient, clock: any NodeClock, ledger: EventLedger,
        seed: UInt64
    ) {
        self.name = name
        partition = UserKey(userID: name).partition(of: partitions)
        self.client = client
        self.clock = clock
        self.ledger = ledger
        generator = SeededGenerator(seed: seed)
    }

    mutating func run(steps: Int) async {
        for _ in 0..<steps {
            switch generator.next() % 10 {
            case 0...4: await report()
            case 5...6: await read()
            case 7: await repeatSettled()
            case 8: await repeatUnknown()
            default: await changeProfile()
            }
            await pause()
        }
        await read()
    }

    private mutating func report() async {
        let events = (0..<1 + generator.next() % 3).map { _ in makeEvent() }
        await send(events, local: generator.next() % 2 == 0)
    }

    private mutating func makeEvent() -> Meridian_V1_Interaction {
        SimulatedContent.event(by: client, of: Self.contents, seen: seen, &generator)
    }

    private mutating func send(_ events: [Meridian_V1_Interaction], local: Bool) async {
        ledger.sent(events.map { EventID($0.id) }, local: local)
        do throws(MeridianClientError) {
            let reply = try await client.report(
                events, of: name, durability: local ? .local : .buffered, options: options())
            for (event, result) in zip(events, reply.results) { note(event, result, local: local) }
        } catch {
            ledger.saw(.outcomeUnknown)
            unknown += events
        }
    }

    private mutating func note(
        _ event: Meridian_V1_Interaction, _ result: Meridian_V1_EventResult, local: Bool
    ) {
        let id = EventID(event.id)
        switch result.outcome {
        case .applied:
            let place = AcknowledgedPlace(result.position)
            ledger.acknowledged(id, local ? .local(place) : .buffered(place))
            places.append(place)
            settled.append(event)
        case .duplicate:
            ledger.saw(.duplicateAnswered)
            namesMore = true
            // A duplicate of what was asked `local` is as safe as an event (S5, S6).
            if local { ledger.acknowledged(id, .local(nil)) }
            settled.append(event)
        case .refused: ledger.violated("S4", "event \(id) of \(name) is in time and was refused: \(result.code)")
        default: break
        }
    }

    /// Sends an event again that was acknowledged as flushed: it must count as known.
    private mutating func repeatSettled() async {
        guard !settled.isEmpty else { return }
        let event = settled[Int(generator.next() % UInt64(settled.count))]
        let id = EventID(event.id)
        let wasLocal = ledger.isKnownFlushed(id)
        do throws(MeridianClientError) {
            let reply = try await client.report([event], of: name, durability: .local, options: options())
            guard let result = reply.results.first else { return }
            if wasLocal, result.outcome == .applied {
                ledger.violated("S5", "event \(id) of \(name) was acknowledged local and applied again")
            }
            note(event, result, local: true)
        } catch {
            ledger.saw(.outcomeUnknown)
        }
    }

    private mutating func repeatUnknown() async {
        let events = Array(unknown.prefix(4))
        guard !events.isEmpty else { return }
        unknown.removeFirst(events.count)
        await send(events, local: true)
    }

    private mutating func read() async {
        let asked = places
        do throws(MeridianClientError) {
            let reply = try await client.nextContent(
                for: name, count: 5, requestID: generator.next() | 1, options: options())
            seen = Array(reply.items.suffix(5))
            if reply.lostTail { ledger.saw(.lostTailAnswered) }
            let current = reply.applied.map(\.incarnation).max() ?? 0
            if asked.contains(where: { $0.incarnation.rawValue < current }) { ledger.saw(.sessionCarriedOverRestart) }
            if !namesMore {
                ledger.answered(
                    EventLedger.SessionAnswer(
                        user: name, places: asked, current: Incarnation(current), lostTail: reply.lostTail,
                        isSatisfied: reply.hasSessionSatisfied && reply.sessionSatisfied))
            }
            // The token now names all that the answer stood on, others' events included.
            places = reply.applied.filter { $0.next > 0 }.map { entry in
                AcknowledgedPlace(
                    partition: partition, incarnation: Incarnation(entry.incarnation), offset: Offset(entry.next - 1))
            }
            namesMore = reply.hasSessionSatisfied && !reply.sessionSatisfied
        } catch {
            // No content for this reader this time; nothing is claimed.
        }
    }

    /// Language, consent, and now and then everything about this user is erased.
    private mutating func changeProfile() async {
        // The token then names a place that no reply tells.
        namesMore = true
        do throws(MeridianClientError) {
            switch generator.next() % 8 {
            case 0: _ = try await client.erase(name, options: options())
            case 1: _ = try await client.setConsent(false, of: name, options: options())
            case 2...3: _ = try await client.setConsent(true, of: name, options: options())
            default:
                var profile = Meridian_V1_Profile()
                profile.language = ["en", "de", "hi"][Int(generator.next() % 3)]
                _ = try await client.setProfile(profile, of: name, options: options())
            }
        } catch {
            ledger.saw(.outcomeUnknown)
        }
    }

    private mutating func options() -> CallOptions {
        CallOptions(timeout: Self.timeouts[Int(generator.next() % UInt64(Self.timeouts.count))])
    }

    private mutating func pause() async {
        let span = Duration.microseconds(Int64(generator.next() % 40_000))
        // Only cancellation ends it early, and nobody cancels a user.
        try? await clock.sleep(for: span)
    }
}

extension AcknowledgedPlace {
    init(_ position: Meridian_V1_Position) {
        self.init(
            partition: PartitionID(position.partition), incarnation: Incarnation(position.incarnation),
            offset: Offset(position.offset))
    }
}
