// One user of several regions: reports through one, repeats through another, and carries the session along.

import ClusterModel
import FoundationEssentials
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// Does random things until told to stop, and writes into the ledger what it was told.
struct RegionUser {
    private let name: String
    private let deployment: RegionDeployment
    /// One a region.
    private let clients: [MeridianClient]
    /// Each region's client, and one that chooses among all of them by itself.
    private let ways: [MeridianClient]
    private let ledger: RegionLedger
    private let partition: PartitionID
    private let home: Int
    private var generator: SeededGenerator
    private var token = Data()
    private var seen: [Meridian_V1_ContentSuggestion] = []
    /// Acknowledged events and others whose outcome is unknown: sent again through any region.
    private var sentBefore: [Meridian_V1_Interaction] = []

    private static let timeouts: [Duration] = [.milliseconds(80), .milliseconds(400), .seconds(2)]
    private static let keptEvents = 30
    private static let timeRefusals = ["EVENT_ID_TOO_OLD", "EVENT_ID_TOO_NEW"]
    static let contents = 12

    init(
        number: Int, deployment: RegionDeployment, clients: [MeridianClient], roaming: MeridianClient,
        ledger: RegionLedger, seed: UInt64
    ) {
        ways = clients + [roaming]
        name = "user-\(number)"
        self.deployment = deployment
        self.clients = clients
        self.ledger = ledger
        partition = UserKey(userID: name).partition(of: deployment.partitions)
        home = number % clients.count
        generator = SeededGenerator(seed: seed)
    }

    /// At most `steps` calls; ends early once `isOver`.
    mutating func run(steps: Int, until isOver: @Sendable () -> Bool) async {
        for _ in 0..<steps where !isOver() {
            switch generator.next() % 12 {
            case 0...4: await report([makeEvent()], through: someWay())
            case 5...6: await read(someWay())
            case 7...8: await repeatSomething()
            case 9: await reportThroughTwo()
            case 10: await sendOutOfBounds()
            default: await changeProfile(someWay())
            }
            await pause()
        }
    }

    /// Mostly the home region; the last way is whichever region the client finds.
    private mutating func someWay() -> Int {
        generator.next() % 2 == 0 ? Int(generator.next() % UInt64(ways.count)) : home
    }

    private mutating func makeEvent() -> Meridian_V1_Interaction {
        let client = clients[Int(generator.next() % UInt64(clients.count))]
        return SimulatedContent.event(by: client, of: Self.contents, seen: seen, &generator)
    }

    private mutating func makeDurability() -> Meridian_V1_Durability {
        var durability = Meridian_V1_Durability()
        switch generator.next() % 6 {
        case 0: durability.level = .buffered
        case 1...3: durability.level = .local
        default:
            durability.level = .remote
            durability.regions = UInt32(1 + generator.next() % UInt64(max(1, clients.count - 1)))
        }
        return durability
    }

    // MARK: Reports

    private mutating func report(_ events: [Meridian_V1_Interaction], through way: Int) async {
        for event in events { ledger.sent(EventID(event.id), of: name) }
        var request = Meridian_V1_ReportRequest()
        request.userID = name
        request.events = events
        request.durability = makeDurability()
        request.sessionToken = token
        sentBefore = (events + sentBefore.filter { old in !events.contains { $0.id == old.id } })
        sentBefore = Array(sentBefore.prefix(Self.keptEvents))
        let (asked, sentAt) = (Self.strength(request.durability), deployment.phonesClock.wallTime())
        do throws(MeridianClientError) {
            let reply = try await ways[way].call(.report, request, options: options())
            token = reply.sessionToken
            for (event, result) in zip(events, reply.results) {
                note(EventID(event.id), result, asked, sentAt: sentAt)
            }
        } catch {
            note(error)
        }
    }

    private static func strength(_ durability: Meridian_V1_Durability) -> RegionLedger.Strength {
        switch durability.level {
        case .buffered: .buffered
        case .remote: .remote(Int(durability.regions))
        default: .local
        }
    }

    private mutating func note(
        _ id: EventID, _ result: Meridian_V1_EventResult, _ strength: RegionLedger.Strength, sentAt: WallTime
    ) {
        switch result.outcome {
        case .applied:
            let place = EventPlace(result.position)
            ledger.acknowledged(id, strength, at: place)
        case .duplicate:
            ledger.saw(.duplicateAnswered)
            ledger.acknowledged(id, strength, at: nil)
        default: break
        }
        check(id, result, sentAt: sentAt)
    }

    /// S4: ids that are out of bounds are refused, and no others.
    private func check(_ id: EventID, _ result: Meridian_V1_EventResult, sentAt: WallTime) {
        let check = EventIDCheck(
            bounds: deployment.bounds, sentAt: sentAt, answeredAt: deployment.phonesClock.wallTime())
        guard result.outcome == .refused else {
            if check.mustBeRefused(id) { ledger.violated("S4", "id \(id) of \(name), out of bounds, was taken") }
            return
        }
        ledger.saw(.eventRefused)
        if check.mustBeTaken(id) || !Self.timeRefusals.contains(result.code) {
            ledger.violated("S4", "event \(id) of \(name) was refused: \(result.code)")
        }
    }

    private func note(_ error: MeridianClientError) {
        ledger.saw(.outcomeUnknown)
        switch error.reason {
        case "CLOCK_UNTRUSTED": ledger.saw(.clockRefused)
        case "REBUILDING": ledger.saw(.rebuildAnswered)
        case "REMOTE_NOT_REACHED": ledger.saw(.remoteNotReached)
        case "INTERNAL_FAULT": ledger.violated("run", "\(name): \(error)")
        default: break
        }
    }

    /// The same event at once through two regions: a phone that turns to another region before its call has ended.
    private mutating func reportThroughTwo() async {
        let event = makeEvent()
        ledger.sent(EventID(event.id), of: name)
        ledger.saw(.sentThroughTwoRegions)
        var request = Meridian_V1_ReportRequest()
        request.userID = name
        request.events = [event]
        request.durability.level = .local
        let (first, second) = (home, (home + 1) % clients.count)
        let (clients, callOptions, sent) = (clients, options(), request)
        let sentAt = deployment.phonesClock.wallTime()
        async let one = Self.send(sent, through: clients[first], callOptions)
        async let two = Self.send(sent, through: clients[second], callOptions)
        for reply in await [one, two].compactMap({ $0 }) {
            guard let result = reply.results.first else { continue }
            note(EventID(event.id), result, .local, sentAt: sentAt)
        }
        sentBefore.append(event)
    }

    private static func send(
        _ request: Meridian_V1_ReportRequest, through client: MeridianClient, _ options: CallOptions
    ) async -> Meridian_V1_ReportReply? {
        // Its outcome is then unknown, which claims nothing.
        try? await client.call(.report, request, options: options)
    }

    private mutating func repeatSomething() async {
        guard !sentBefore.isEmpty else { return }
        let event = sentBefore[Int(generator.next() % UInt64(sentBefore.count))]
        await report([event], through: Int(generator.next() % UInt64(clients.count)))
    }

    /// S4: ids of another time are refused at the door.
    private mutating func sendOutOfBounds() async {
        var event = makeEvent()
        let isNew = generator.next() % 2 == 0
        let id = EventID(event.id)
        let shift = isNew ? Duration.seconds(3_600) : .zero - deployment.bounds.maxAge - .seconds(60)
        event.id = Meridian_V1_EventID(
            EventID(at: id.wallTime.advanced(by: shift), sequence: id.sequence, client: id.client))
        var request = Meridian_V1_ReportRequest()
        request.userID = name
        request.events = [event]
        do throws(MeridianClientError) {
            let reply = try await ways[someWay()].call(.report, request, options: options())
            if let result = reply.results.first, result.outcome != .refused {
                ledger.violated(
                    "S4",
                    "id \(EventID(event.id)), far out of bounds, was taken: \(result.outcome) at "
                        + "\(result.position.region)@\(String(result.position.incarnation, radix: 16))"
                        + ":\(result.position.offset)")
            }
            ledger.saw(.outOfBoundsRefused)
        } catch {
            note(error)
        }
    }

    // MARK: Reads and profiles

    private mutating func read(_ way: Int) async {
        let named = Self.places(in: token, of: partition, deployment)
        var request = Meridian_V1_NextContentRequest()
        request.userID = name
        request.count = 5
        request.sessionToken = token
        request.requestID = generator.next() | 1
        let before = deployment.regions.indices.map { (deployment.life(of: $0), deployment.diskFaults(of: $0)) }
        do throws(MeridianClientError) {
            let reply = try await ways[way].call(.nextContent, request, options: options())
            seen = Array(reply.items.suffix(5))
            token = reply.sessionToken
            if reply.lostTail {
                ledger.saw(.lostTailAnswered)
                deployment.simulation.scheduler.note("\(name) LOST_TAIL from \(reply.region) on \(named.short)")
            }
            let answering = RegionNumber(UInt16(clamping: reply.region))
            guard let index = deployment.regions.firstIndex(of: answering) else {
                return ledger.violated("run", "region \(reply.region) answered")
            }
            ledger.answered(
                RegionLedger.SessionAnswer(
                    user: name, region: answering, life: before[index].0, diskFaults: before[index].1, named: named,
                    lostTail: reply.lostTail, isSatisfied: reply.hasSessionSatisfied && reply.sessionSatisfied))
        } catch {
            note(error)
        }
    }

    /// The last places that a token names.
    static func places(in token: Data, of partition: PartitionID, _ deployment: RegionDeployment) -> [EventPlace] {
        guard !token.isEmpty,
            // A token that does not open is the server's to refuse; nothing is then claimed about its answer.
            let opened = try? SessionToken(
                opening: Array(token), with: deployment.keyring,
                deployment: SessionToken.deploymentHash(of: RegionDeployment.deploymentID), topic: .userEvents,
                partition: partition)
        else { return [] }
        return opened.entries.filter { $0.next > .zero }.map { entry in
            EventPlace(
                region: entry.region, partition: partition, incarnation: entry.incarnation,
                offset: Offset(entry.next.rawValue - 1))
        }
    }

    private mutating func changeProfile(_ way: Int) async {
        do throws(MeridianClientError) {
            switch generator.next() % 8 {
            case 0: _ = try await ways[way].erase(name, options: options())
            case 1: _ = try await ways[way].setConsent(false, of: name, options: options())
            case 2...3: _ = try await ways[way].setConsent(true, of: name, options: options())
            default:
                var profile = Meridian_V1_Profile()
                profile.language = ["en", "de", "hi"][Int(generator.next() % 3)]
                _ = try await ways[way].setProfile(profile, of: name, options: options())
            }
        } catch {
            note(error)
        }
    }

    private mutating func options() -> CallOptions {
        CallOptions(timeout: Self.timeouts[Int(generator.next() % UInt64(Self.timeouts.count))])
    }

    private mutating func pause() async {
        let span = Duration.microseconds(Int64(generator.next() % 250_000))
        // Only cancellation ends it early, and nobody cancels a user.
        try? await deployment.phonesClock.sleep(for: span)
    }
}

extension EventPlace {
    init(_ position: Meridian_V1_Position) {
        self.init(
            region: RegionNumber(UInt16(position.region)), partition: PartitionID(position.partition),
            incarnation: Incarnation(position.incarnation), offset: Offset(position.offset))
    }
}
