// Idempotent producers over deaths at every call of the file system: each batch stands once, where its producer was told.
// MERIDIAN_PROVE=1 tries every kind of fault at every call.

import ClusterModel
import EventLog
import Foundation
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

/// Producers over two lines and three starts; between two of them the log is closed in order. A producer repeats what it
/// has no answer for, and now and then what it has.
private struct ProducerHistory {
    private static let directory = "journal"
    private static let lines = 2
    private static let producers: UInt64 = 3
    private static let limits = JournalLimits(segmentBytes: JournalLimits.minSegmentBytes)

    let seed: UInt64
    let steps: Int

    /// What one producer knows.
    private struct Producer {
        var epoch: UInt32 = 0
        /// Its batches of the epoch, with where they stand as far as it was told for good.
        var sent: [ProducerBatch?] = []
        /// Told, of former epochs.
        var settled: [Key: ProducerBatch] = [:]
    }

    private struct Key: Hashable {
        var line: Int
        var id: UInt64
        var epoch: UInt32
        var sequence: UInt32
    }

    private struct World {
        var producers: [[Producer]] = Array(
            repeating: Array(repeating: Producer(), count: Int(ProducerHistory.producers)), count: ProducerHistory.lines
        )
        var writers: [OriginLogWriter] = []
        var generator: SeededGenerator
        var time: UInt64 = 0
        var complaints: [String] = []
    }

    /// Calls of a history in which nothing goes wrong, and how many batches it appends.
    func undisturbed() async throws -> (calls: Int, batches: Int) {
        let files = CrashPoint(SimulatedFileStore(), at: .max, nil, seed: seed)
        var world = World(generator: SeededGenerator(seed: seed))
        await live(&world, 1...2, on: files)
        let batches = world.producers.joined().reduce(0) { sum, producer in
            sum + producer.settled.count + producer.sent.count { $0 != nil }
        }
        return (files.calls, world.complaints.isEmpty ? batches : 0)
    }

    /// What does not hold after the fault; empty where all does.
    func check(at point: Int, _ kind: CrashKind) async throws -> [String] {
        let store = SimulatedFileStore()
        let files = CrashPoint(store, at: point, kind, seed: seed &+ UInt64(point))
        var world = World(generator: SeededGenerator(seed: seed))
        await live(&world, 1...2, on: files)
        store.releaseLocks()
        await live(&world, 3...3, on: store)
        world.complaints += try judge(world, store)
        return world.complaints.map { "seed \(seed), call \(point), \(kind): \($0)" }
    }

    // MARK: The history

    private func live(_ world: inout World, _ starts: ClosedRange<UInt64>, on files: any FileStore) async {
        for start in starts {
            guard let log = open(files) else {
                if starts.lowerBound == 3 { world.complaints.append("the journal cannot be opened any more") }
                return
            }
            world.writers = (0..<Self.lines).map {
                OriginLogWriter(log: JournalHarness.identity($0, incarnation: start), epoch: Epoch(1))
            }
            repeatAll(&world, log)
            for _ in 0..<steps where log.failure == nil { step(&world, log) }
            guard log.failure == nil else { return }
            await log.close()
        }
    }

    private func open(_ files: any FileStore) -> SegmentLog? {
        for _ in 0..<2 {
            let stepped = SteppedEnvironment(seed: seed)
            let environment = NodeEnvironment(
                clock: stepped.clock, entropy: stepped.environment.entropy, executors: stepped.environment.executors,
                files: files, links: stepped.environment.links)
            // A start that fails is tried again by whoever supervises it.
            if let log = try? SegmentLog.open(directory: Self.directory, environment: environment, limits: Self.limits)
            {
                return log
            }
        }
        return nil
    }

    private func step(_ world: inout World, _ log: SegmentLog) {
        let (line, id) = (Int(world.generator.next() % 2), Int(world.generator.next() % Self.producers))
        let known = world.producers[line][id].sent.count
        switch world.generator.next() % 8 {
        case 0 where known > 0:
            send(
                known - 1 - Int(world.generator.next() % UInt64(min(known, ProducerLimits.window))), line, id, &world,
                log)
        case 1:
            // A new process of the producer: everything that it sent before is answered first.
            guard world.producers[line][id].sent.allSatisfy({ $0 != nil }) else { return }
            settle(&world.producers[line][id], line, id)
        default:
            // A refusal for lack of space is an answer of a kind: the same batch is sent again.
            let number = world.producers[line][id].sent.firstIndex { $0 == nil } ?? known
            send(number, line, id, &world, log)
        }
    }

    private func settle(_ producer: inout Producer, _ line: Int, _ id: Int) {
        for (sequence, batch) in producer.sent.enumerated() {
            producer.settled[Key(line: line, id: UInt64(id), epoch: producer.epoch, sequence: UInt32(sequence))] = batch
        }
        producer.epoch += 1
        producer.sent = []
    }

    /// A start: every producer repeats what may have been lost, in order.
    private func repeatAll(_ world: inout World, _ log: SegmentLog) {
        for line in 0..<Self.lines {
            for id in 0..<Int(Self.producers) {
                let count = world.producers[line][id].sent.count
                for number in max(0, count - ProducerLimits.window)..<count { send(number, line, id, &world, log) }
            }
        }
    }

    private func send(_ number: Int, _ line: Int, _ id: Int, _ world: inout World, _ log: SegmentLog) {
        world.time += 1
        let producer = BatchHeader.Producer(
            id: UInt64(id + 1), epoch: world.producers[line][id].epoch, sequence: UInt32(number))
        let record = EventRecord(
            kind: .interaction, stamp: HybridStamp(at: WallTime(milliseconds: world.time)),
            id: EventID(time: UInt64(id), client: UInt64(number)), body: [UInt8(truncatingIfNeeded: number)])
        if number == world.producers[line][id].sent.count { world.producers[line][id].sent.append(nil) }
        let outcome: ProducerOutcome
        do {
            outcome = try log.append([record], of: producer, with: &world.writers[line])
        } catch {
            // The log has ended: nobody was told anything.
            return
        }
        let known = world.producers[line][id].sent[number]
        switch outcome {
        case .refused(let refusal): world.complaints.append("\(producer) is refused: \(refusal)")
        case .appended(let batch):
            if let known { world.complaints.append("\(producer) stood at \(known) and is taken again") }
            note(batch, number, line, id, &world, log)
        case .duplicate(let batch):
            if let known, known != batch { world.complaints.append("\(producer) stood at \(known), now at \(batch)") }
            note(batch, number, line, id, &world, log)
        }
    }

    /// Told for good once it is flushed (S6).
    private func note(
        _ batch: ProducerBatch, _ number: Int, _ line: Int, _ id: Int, _ world: inout World, _ log: SegmentLog
    ) {
        let identity = LogIdentity(
            name: JournalHarness.identity(line, incarnation: 1).name, incarnation: batch.incarnation)
        if log.flushedEnd(of: identity) >= batch.end { world.producers[line][id].sent[number] = batch }
    }

    // MARK: What must hold

    private func judge(_ world: World, _ store: SimulatedFileStore) throws -> [String] {
        var found: [Key: [ProducerBatch]] = [:]
        var complaints: [String] = []
        let log = try SegmentLog.open(
            directory: Self.directory, environment: SteppedEnvironment(seed: seed, files: store).environment,
            limits: Self.limits
        ) { batch in
            let (header, producer) = (batch.header, batch.header.producer)
            guard
                let line = (0..<Self.lines).first(where: {
                    JournalHarness.identity($0, incarnation: 1).name == header.log.name
                })
            else { return }
            let key = Key(line: line, id: producer.id - 1, epoch: producer.epoch, sequence: producer.sequence)
            found[key, default: []].append(
                ProducerBatch(
                    sequence: producer.sequence, count: header.count, incarnation: header.log.incarnation,
                    base: header.baseOffset))
        }
        log.abandon()
        for (key, places) in found where places.count > 1 { complaints.append("\(key) stands at \(places)") }
        for line in 0..<Self.lines {
            for id in 0..<Int(Self.producers) {
                var producer = world.producers[line][id]
                settle(&producer, line, id)
                for (key, batch) in producer.settled where found[key] != [batch] {
                    complaints.append("\(key) was told \(batch), and stands at \(found[key] ?? [])")
                }
            }
        }
        return complaints
    }
}

@Suite struct ProducerCrashTests {
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil

    @Test("S6, S7: a producer's batch stands once, whatever call the process dies at")
    func anyCall() async throws {
        let history = ProducerHistory(seed: 23, steps: Self.isProving ? 200 : 40)
        let (calls, batches) = try await history.undisturbed()
        #expect(batches > history.steps, "\(calls) calls")
        var generator = SeededGenerator(seed: 4)
        var complaints: [String] = []
        let kinds = CrashKind.allCases.filter(\.isHonest)
        for point in 0..<calls {
            for kind in kinds where Self.isProving || generator.next() % UInt64(kinds.count) == 0 {
                complaints += try await history.check(at: point, kind)
            }
        }
        #expect(complaints.isEmpty, "\(complaints.prefix(10))")
    }
}
