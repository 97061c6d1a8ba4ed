// Regions driven step by step: for histories that are told, not drawn.

import ClusterModel
import EventLog
import FoundationEssentials
import MergeableState
import MeridianClient
package import MeridianProtocol
import NodeEnvironment
package import Personalization
package import SimulatedEnvironment
import Synchronization

/// What became of one report.
package enum ScriptedOutcome: Hashable, Sendable {
    /// With the token that names it.
    case applied(token: [UInt8])
    case duplicate
    case refused(String)
    /// The call failed with this reason, or this code where there is none.
    case failed(String)

    package var token: [UInt8]? {
        if case .applied(let token) = self { return token }
        return nil
    }
}

/// Whole nodes, one a region, under a script. Regions are numbered from 0. At the end everything heals and is held to
/// the same rules as a drawn run.
package final class RegionScript: Sendable {
    private let deployment: RegionDeployment
    let clients: [MeridianClient]
    private let ledger: RegionLedger
    private let judge: DiskJudge
    private let watch: DigestWatch
    private let held = Mutex<[SurveyedShard]>([])
    private let heldContent = Mutex<[Int: ContentState]>([:])

    private struct SurveyedShard {
        var region: Int
        var shard: ShardState
    }

    private static let limit = Duration.seconds(40)

    private init(_ simulation: Simulation, regions: Int, bounds: RegionBounds, _ ledger: RegionLedger) throws {
        self.ledger = ledger
        deployment = try RegionDeployment(simulation: simulation, regions: regions, ledger: ledger, bounds: bounds)
        let deployment = deployment
        clients = try (0..<regions).map { try deployment.client(of: $0) }
        judge = DiskJudge(deployment: deployment, ledger: ledger)
        watch = DigestWatch(deployment: deployment, clients: clients, ledger: ledger)
    }

    /// Starts the regions, waits until all serve, runs `script`, heals, waits until all agree, and judges. Every rule
    /// that did not hold.
    package static func run(
        regions: Int, seed: UInt64 = 1, bounds: RegionBounds = RegionBounds(), keepsTrace: Bool = false,
        _ script: @escaping @Sendable (RegionScript) async throws -> Void,
        afterwards: @Sendable (RegionScript) throws -> Void = { _ in }
    ) throws -> ScenarioReport {
        let simulation = Simulation(seed: seed)
        if keepsTrace { simulation.scheduler.keepTrace() }
        let ledger = RegionLedger(seed: seed)
        let regions = try RegionScript(simulation, regions: regions, bounds: bounds, ledger)
        let served = try simulation.drive(limit: .seconds(600)) { () async throws -> [PartitionID: Digest128] in
            for region in regions.clients.indices { regions.start(region) }
            let isOver = OverFlag()
            async let archived: Void = regions.judge.watch { isOver.isSet }
            defer { isOver.set() }
            if !(await regions.converge()) { ledger.violated("run", "the regions do not begin") }
            try await script(regions)
            let served = try await regions.finish()
            isOver.set()
            await archived
            return served
        }
        try RegionAudit(deployment: regions.deployment, ledger: ledger, judge: regions.judge).run(served: served)
        try regions.foldOffline()
        try afterwards(regions)
        regions.deployment.releaseDisks()
        return regions.report(simulation)
    }

    private func report(_ simulation: Simulation) -> ScenarioReport {
        var report = ScenarioReport(seed: simulation.seed)
        report.violations = ledger.violations
        report.rarePaths = ledger.rarePaths
        report.acknowledged = ledger.entries.count { $0.strength != nil }
        report.trace = simulation.scheduler.trace
        report.traceHash = simulation.traceHash
        return report
    }

    private func finish() async throws -> [PartitionID: Digest128] {
        deployment.simulation.network.healAll()
        for region in clients.indices {
            clock(of: region).correct()
            if !machine(region).isUp { start(region) }
        }
        let served = await RegionScenario.settle(deployment, watch, ledger)
        await SessionProbe(deployment: deployment, clients: clients, ledger: ledger, judge: judge).run()
        for client in clients { await client.close() }
        for region in clients.indices { try await deployment.stop(region) }
        return served
    }

    // MARK: Machines, disks and links

    package func machine(_ region: Int) -> SimulatedMachine { deployment.machine(region) }

    var machineOfPhones: SimulatedMachine { deployment.simulation.machine(RegionDeployment.phones) }

    package func clock(of region: Int) -> SimulatedClock { machine(region).clock }

    package func start(_ region: Int) { deployment.start(region) }

    /// Power is gone. A machine that is down stays so.
    package func crash(_ region: Int) { machine(region).crash() }

    package func diskImage(of region: Int) -> DiskImage { machine(region).disk.image() }

    /// The machine dies, and finds another disk, or an empty one, at its next start.
    package func replaceDisk(of region: Int, by image: DiskImage? = nil) {
        machine(region).kill()
        judge.diskIsReplaced(of: region, by: image)
        deployment.noteDiskFault(of: region)
        if let image { machine(region).disk.install(image) } else { machine(region).disk.wipe() }
    }

    package func cut(_ one: Int, _ other: Int) {
        deployment.simulation.network.cut(deployment.machineName(one), deployment.machineName(other))
    }

    /// What `one` says is lost on its way to `other`, not what it hears.
    package func mute(_ one: Int, to other: Int) {
        deployment.simulation.network.cutOneWay(
            from: deployment.machineName(one), to: deployment.machineName(other))
    }

    package func heal() { deployment.simulation.network.healAll() }

    package func sleep(_ duration: Duration) async throws { try await deployment.phonesClock.sleep(for: duration) }

    /// Another process of a region, on a copy of its disk and a machine of its own (S1).
    package func startTwin(of region: Int, asCopy: Bool, isAlone: Bool = false) -> SimulatedMachine {
        deployment.startTwin(of: region, asCopy: asCopy, isAlone: isAlone)
    }

    /// How often the region's node was started again since a later start of its region was known.
    package func outruns(of region: Int) -> Int { deployment.outruns(of: region) }

    /// What the node ended with; nil while it runs.
    package func outcome(_ region: Int) -> String? { deployment.outcome(region) }

    /// Waits until all show equal digests on lines with agreed ends. Whether they did.
    @discardableResult
    package func converge() async -> Bool { await watch.converge(within: Self.limit).isEqual }

    /// Ids in the index of a region, over all partitions; nil where it does not answer.
    package func indexedIDs(of region: Int) async -> Int? {
        guard let digests = await watch.ask(region) else { return nil }
        return digests.partitions.values.reduce(0) { $0 + Int($1.indexedIDs) }
    }

    /// Reads the region's disk as it is, with all that is checked then (S1, S2, S6).
    package func survey(_ region: Int) { _ = judge.survey(region) }

    /// Waits until the region's disk holds an ends record of `origin` that it did not hold. Whether it came.
    package func awaitEnds(of origin: Int, on region: Int) async throws -> Bool {
        let before = endsRecords(of: origin, on: region)
        for _ in 0..<2_000 {
            if endsRecords(of: origin, on: region) > before { return true }
            try await sleep(.milliseconds(2))
        }
        return false
    }

    private func endsRecords(of origin: Int, on region: Int) -> Int {
        judge.survey(region).logs.filter { $0.key.name.region == deployment.regions[origin] }
            .reduce(0) { sum, log in sum + log.value.flatMap(\.records).count { $0.kind == .ends } }
    }

    // MARK: Calls

    package func makeEvent(
        of content: String = "c1", kind: Meridian_V1_Interaction.Kind = .click
    ) -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        // Of the true time: as a phone that is calibrated.
        let now = deployment.phonesClock.wallTime()
        event.id = clients[0].makeEventID()
        event.id.time = EventID(at: now, sequence: EventID(event.id).sequence, client: 0).time
        event.kind = kind
        event.contentID = content
        return event
    }

    /// One event through one region. `regions` other ones are to hold it where that is above 0.
    @discardableResult
    package func report(
        _ event: Meridian_V1_Interaction, of user: String, through region: Int, buffered: Bool = false,
        regions: Int = 0, timeout: Duration = .seconds(2)
    ) async -> ScriptedOutcome {
        let id = EventID(event.id)
        ledger.sent(id, of: user)
        var request = Meridian_V1_ReportRequest()
        request.userID = user
        request.events = [event]
        request.durability.level = buffered ? .buffered : regions > 0 ? .remote : .local
        request.durability.regions = UInt32(regions)
        do throws(MeridianClientError) {
            let reply = try await clients[region].call(.report, request, options: CallOptions(timeout: timeout))
            guard let result = reply.results.first else { return .failed("no result") }
            if result.outcome == .refused { return .refused(result.code) }
            let place = result.outcome == .applied ? EventPlace(result.position) : nil
            ledger.acknowledged(id, buffered ? .buffered : regions > 0 ? .remote(regions) : .local, at: place)
            return place == nil ? .duplicate : .applied(token: Array(reply.sessionToken))
        } catch {
            return .failed(error.reason.isEmpty ? error.code.description : error.reason)
        }
    }

    /// Reports an event that was reported before; nil where the region does not answer in time.
    package func repeatedReport(
        _ event: Meridian_V1_Interaction, of user: String, through region: Int
    ) async -> Meridian_V1_ReportReply? {
        var request = Meridian_V1_ReportRequest()
        request.userID = user
        request.events = [event]
        // The caller asks what came of it.
        return try? await clients[region].call(.report, request, options: CallOptions(timeout: .seconds(2)))
    }

    /// Ends the region's node as an operator would.
    package func stop(_ region: Int) async throws { try await deployment.stop(region) }

    /// A slate; nil where the region does not answer.
    package func read(
        _ user: String, through region: Int, token: [UInt8] = []
    ) async -> Meridian_V1_NextContentReply? {
        var request = Meridian_V1_NextContentRequest()
        request.userID = user
        request.count = 5
        request.requestID = 7
        request.sessionToken = Data(token)
        // A region that does not answer is what the caller asks about.
        return try? await clients[region].call(.nextContent, request, options: CallOptions(timeout: .seconds(2)))
    }

    /// A profile write with an id of the caller's choice. Whether it was taken.
    package func setLanguage(
        _ language: String, of user: String, id: Meridian_V1_EventID, through region: Int
    ) async -> Bool {
        var request = Meridian_V1_UpdateProfileRequest()
        request.userID = user
        request.id = id
        request.profile.language = language
        // The caller looks at the outcome only.
        return (try? await clients[region].call(.updateProfile, request)) != nil
    }

    package func setConsent(
        _ granted: Bool, of user: String, id: Meridian_V1_EventID? = nil, through region: Int
    ) async -> Bool {
        // Likewise.
        (try? await clients[region].setConsent(granted, of: user, id: id)) != nil
    }

    package func erase(_ user: String, id: Meridian_V1_EventID? = nil, through region: Int) async -> Bool {
        // Likewise.
        (try? await clients[region].erase(user, id: id)) != nil
    }

    package func publish(
        _ content: String, category: String = "news", id: Meridian_V1_EventID? = nil, through region: Int
    ) async -> Bool {
        var item = Meridian_V1_ContentItem()
        item.contentID = content
        item.title = content
        item.language = "en"
        item.category = category
        // Likewise.
        return (try? await clients[region].publish([item], id: id)) != nil
    }

    /// Whether the region serves the content now; nil where it does not answer.
    package func serves(_ content: String, in region: Int) async -> Bool? {
        var request = Meridian_V1_GetContentRequest()
        request.contentID = content
        do throws(MeridianClientError) {
            _ = try await clients[region].call(.getContent, request, options: CallOptions(timeout: .seconds(2)))
            return true
        } catch {
            return error.reason == "UNKNOWN_CONTENT" ? false : nil
        }
    }

    /// Clicks on the content that the region has counted; nil where it does not answer.
    package func clicks(on content: String, in region: Int) async -> UInt64? {
        var request = Meridian_V1_ContentStatsRequest()
        request.contentIds = [content]
        // The caller asks until it answers.
        let reply = try? await clients[region].call(.contentStats, request, options: CallOptions(timeout: .seconds(2)))
        return reply?.items.first?.clicks
    }

    /// What operators of the region are alarmed by; empty where it does not answer.
    package func alarms(of region: Int) async -> [String] {
        // The caller looks for one of them.
        (try? await clients[region].status())?.alarms.map { "\($0.name) \($0.detail)" } ?? []
    }

    /// The first offsets that the region still has of its logs.
    package func baseOffsets(of region: Int) async -> [UInt64] {
        // Likewise.
        (try? await clients[region].logStats())?.logs.map(\.baseOffset) ?? []
    }

    // MARK: Afterwards

    /// A user's state as a region's stopped disk folds to.
    package func user(_ user: String, in region: Int) -> UserState? {
        let key = UserKey(userID: user)
        return held.withLock { held in
            held.lazy.filter { $0.region == region }.compactMap { $0.shard.user(key) }.first
        }
    }

    /// A content item as a region's stopped disk folds to.
    package func item(_ content: String, in region: Int) -> ContentItem? {
        heldContent.withLock { held in
            var catalogue = held[region]?.catalogue
            return catalogue?.snapshot().item(id: content)
        }
    }

    /// Records of the event over all logs of the region's disk, tails beyond agreed ends left out or not.
    package func copies(of event: Meridian_V1_Interaction, in region: Int, cut: Bool = true) -> Int {
        let surveys = clients.indices.map { judge.survey($0) }
        let ends = cut ? EndsBook(surveys) : EndsBook([])
        return surveys[region].events(upTo: ends).count { $0.record.id == EventID(event.id) }
    }

    private func foldOffline() throws {
        for region in clients.indices {
            let fold = try RegionAudit.fold(deployment, region: region, fromZero: false)
            for shard in fold.shards { held.withLock { $0.append(SurveyedShard(region: region, shard: shard)) } }
            heldContent.withLock { $0[region] = fold.content }
        }
    }
}
