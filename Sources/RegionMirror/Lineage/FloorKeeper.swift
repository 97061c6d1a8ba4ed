// Moves a node's floors and keeps what it knows of ends over restarts (S1a, S1b): the shell of FloorReckoning and LineageBook.

package import ClusterModel
package import EventLog
package import Logging
package import NodeEnvironment
import Synchronization

/// One a node, with or without peers. The order is what makes it safe: a heard chain is synced before it takes effect, a
/// floor before anything is dropped; a crash at any point repeats the step. Thread-safe; its lock is never held across I/O.
package final class FloorKeeper: Sendable {
    /// What a node's parts hear, from the disk's thread, once it is durable.
    package struct Listener: Sendable {
        /// Every member's published snapshots stand on these or on later records: what lies below leaves.
        package var onFloors: @Sendable ([LineBase]) -> Void

        package init(onFloors: @escaping @Sendable ([LineBase]) -> Void) { self.onFloors = onFloors }
    }

    private struct State {
        var book: LineageBook
        var reckoning: FloorReckoning
        /// The book as it stands on the disk.
        var saved: LineageBook
        /// What waits for the next save, in order.
        var afterSave: [@Sendable () -> Void] = []
        var isSaving = false
        /// A save is due that nothing waits for.
        var isDue = false
        /// Lines whose floors may have moved.
        var dirty: Set<LogName> = []
        /// Floors that have moved in the book and not on the disk.
        var moved: [LogName: EndsPoint] = [:]
        var listeners: [Listener] = []
        /// The lowest incarnation of each line that a reader of this node still needs.
        var pins: @Sendable () -> [LogName: Incarnation] = { [:] }
        /// Bases of this node's states, published or not.
        var bases: [LogName: EndsPoint] = [:]
    }

    private let own: RegionNumber
    private let drops: Bool
    private let engine: any EventLogEngine
    private let file: LineageFile
    private let clock: any NodeClock
    private let loop: any NodeExecutor
    private let disk: any DedicatedExecutor
    private let logger: Logger
    private let state: Mutex<State>

    /// Readers that are behind hold a floor up to so many of its records.
    package static let pinnedLinks = 64
    /// From so many unsettled incarnations of an origin on, snapshots that would settle them do not wait for their interval.
    package static let hurryAt = 16
    private static let retryDelay: Duration = .seconds(1)
    /// Floors that may move wait so long for others, which then share one save: a round of snapshots reports its partitions one by
    /// one. What settles, settles so much later.
    private static let gathering: Duration = .milliseconds(250)

    /// - Parameters:
    ///   - members: all regions of the deployment, `own` included.
    ///   - drops: whether floors move at all (log.trim).
    ///   - book: what `LineageFile.load` found.
    package init(
        own: RegionNumber, members: [RegionNumber], drops: Bool, book: LineageBook, directory: String,
        engine: any EventLogEngine, environment: NodeEnvironment, disk: any DedicatedExecutor, logger: Logger
    ) {
        self.own = own
        self.drops = drops
        self.engine = engine
        file = LineageFile(directory: directory, files: environment.files)
        clock = environment.clock
        loop = environment.executors.loops[0]
        self.disk = disk
        self.logger = logger
        state = Mutex(State(book: book, reckoning: FloorReckoning(members: members), saved: book))
    }

    /// A floor that was synced and whose logs a crash left: they go now. Blocks on the disk. Throws EventLogError.
    package func begin() throws(EventLogError) { try drop(state.withLock { $0.book.floors }) }

    /// Who hears of floors from now on; told those that stand at once.
    package func listen(_ listener: Listener) {
        let floors = state.withLock { state in
            state.listeners.append(listener)
            return state.saved.floors
        }
        if !floors.isEmpty { listener.onFloors(floors) }
    }

    /// Readers that are behind hold floors from now on, up to `pinnedLinks`. `pins` is asked on the disk's thread.
    package func hold(by pins: @escaping @Sendable () -> [LogName: Incarnation]) { state.withLock { $0.pins = pins } }

    /// The same for what holds a node's states, where no mirror stands between.
    package func listen(to consumer: any MirroredLogConsumer) {
        listen(
            Listener { moved in
                for floor in moved { consumer.floorMoved(of: floor.name, to: floor.point) }
            })
    }

    /// Lets go of those who listen and read: they hold what holds this.
    package func end() {
        state.withLock { state in
            state.listeners = []
            state.pins = { [:] }
        }
    }

    /// All that is known of ends.
    package var known: [AgreedEnds] { state.withLock { $0.book.all } }

    /// The floors that stand, durably.
    package var standing: [LineBase] { state.withLock { $0.saved.floors } }

    // MARK: What is heard

    /// Ends that were heard, from peers or from this node's own states. `then` runs once they are on the disk, at once where
    /// they are no news.
    package func onKnown(_ ends: [AgreedEnds], then: @escaping @Sendable () -> Void = {}) {
        let isNews = state.withLock { state in
            var isNews = false
            for one in ends where state.book.learn(one) {
                isNews = true
                state.dirty.insert(one.name)
            }
            if isNews { state.afterSave.append(then) }
            return isNews
        }
        if isNews { saveSoon() } else { then() }
    }

    /// What a state of this node stands on, in memory.
    package func onBase(_ point: EndsPoint, of name: LogName) { state.withLock { $0.bases[name] = point } }

    /// A member's published snapshots stand on these.
    ///
    /// - Parameter areAll: what it reported before counts no more: it is another start, whose disk may be another one.
    package func onPublished(_ bases: [LineBase], by member: RegionNumber, areAll: Bool = false) {
        guard areAll || !bases.isEmpty else { return }
        let mayMove = state.withLock { state in
            guard state.reckoning.onPublished(bases, by: member, areAll: areAll) else { return false }
            state.dirty.formUnion(bases.map(\.name))
            return drops
        }
        if mayMove { saveLater() }
    }

    /// What this node's published snapshots stand on: told to every peer.
    package var published: [LogName: EndsPoint] { state.withLock { $0.reckoning.published(by: own) } }

    /// What a member's published snapshots stand on, as it reported last.
    package func published(by member: RegionNumber) -> [LogName: EndsPoint] {
        state.withLock { $0.reckoning.published(by: member) }
    }

    /// What other members' published snapshots hold of this region's lines: see `FloorReckoning.publishedElsewhere`.
    package var publishedElsewhere: [LogName: Incarnation] {
        state.withLock { $0.reckoning.publishedElsewhere(of: own) }
    }

    // MARK: The disk

    private func saveSoon() {
        let mustStart = state.withLock { state in
            defer { state.isSaving = true }
            return !state.isSaving
        }
        if mustStart { disk.execute { [self] in save() } }
    }

    private func saveLater() {
        let mustWait = state.withLock { state in
            defer { state.isDue = true }
            return !state.isDue
        }
        guard mustWait else { return }
        _ = loop.schedule(at: clock.bootTime().advanced(by: Self.gathering)) { [weak self] in
            guard let self else { return }
            state.withLock { $0.isDue = false }
            saveSoon()
        }
    }

    /// On the disk's thread.
    private func save() {
        let pins = state.withLock(\.pins)()
        let (book, before, floors, waiting) = state.withLock { state in
            moveFloors(&state, pins)
            let floors = state.moved.sorted { $0.key < $1.key }.map { LineBase(name: $0.key, point: $0.value) }
            defer { state.afterSave = [] }
            return (state.book, state.saved, floors, state.afterSave)
        }
        do {
            if book != before { try file.save(book) }
            try drop(floors)
        } catch let error as EventLogError where error.code == .closed {
            // The node stops: what is saved by now stands, and the next start does the rest (S1b).
            return
        } catch {
            return retry(waiting, "\(error)")
        }
        let (listeners, isMore) = state.withLock { state in
            state.saved = book
            for floor in floors where state.moved[floor.name] == floor.point { state.moved[floor.name] = nil }
            state.isSaving = !state.dirty.isEmpty || !state.afterSave.isEmpty
            return (state.listeners, state.isSaving)
        }
        for body in waiting { body() }
        if !floors.isEmpty { for listener in listeners { listener.onFloors(floors) } }
        if isMore { disk.execute { [self] in save() } }
    }

    private func retry(_ waiting: [@Sendable () -> Void], _ reason: String) {
        state.withLock { $0.afterSave = waiting + $0.afterSave }
        logger.error("the lineage was not saved", metadata: ["error": "\(reason)"])
        let due = clock.bootTime().advanced(by: Self.retryDelay)
        _ = loop.schedule(at: due) { [weak self] in
            guard let self else { return }
            disk.execute { self.save() }
        }
    }

    /// In the book; nothing is dropped before it is saved.
    private func moveFloors(_ state: inout State, _ pins: [LogName: Incarnation]) {
        defer { state.dirty = [] }
        guard drops else { return }
        for name in state.dirty.sorted() {
            guard let chain = state.book.chain(of: name), let floor = state.reckoning.floor(of: name, chain),
                let held = held(floor, chain, by: pins[name])
            else { continue }
            if state.book.moveFloor(of: name, to: held) { state.moved[name] = held }
        }
    }

    /// A reader that still needs an incarnation keeps the floor below it, up to a bound.
    private func held(_ floor: EndsPoint, _ chain: EndsChain, by pin: Incarnation?) -> EndsPoint? {
        guard let pin, pin < floor.number else { return floor }
        guard let point = chain.point(atOrBelow: pin), point != chain.root else { return nil }
        let between = chain.links.count { $0.number > point.number && $0.number <= floor.number }
        return between <= Self.pinnedLinks ? point : floor
    }

    private func drop(_ floors: [LineBase]) throws(EventLogError) {
        guard drops, !floors.isEmpty else { return }
        try engine.drop(
            below: Dictionary(floors.map { ($0.name, $0.point.number) }, uniquingKeysWith: { first, _ in first }))
    }

    // MARK: What operators ask

    /// Who keeps what is below the newest known ends record of a line from leaving; nil where nobody does, or no record is
    /// known.
    package func slowest(of name: LogName) -> RegionNumber? {
        state.withLock { state in
            state.book.chain(of: name).flatMap { state.reckoning.slowest(of: name, $0) }
        }
    }

    /// Whether a snapshot of this node would settle many: one of its states stands on more than what is published.
    package var hurries: Bool {
        state.withLock { state in
            let published = state.reckoning.published(by: own)
            return state.bases.contains { name, point in
                published[name] != point && (state.book.unsettled(of: name.region)?.count ?? 0) >= Self.hurryAt
            }
        }
    }
}
