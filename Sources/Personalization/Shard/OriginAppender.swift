// The writing side of one origin log on its loop: stamps, the batch of this tick, what waits for the disk, who waits for
// a flush. No I/O and no clock of its own; its owner hands sealed batches to the engine.

package import ClusterModel
import DequeModule
package import EventLog

/// Hears that a flush came, or that the log ended before it.
package typealias FlushWaiter = @Sendable (Result<Void, ShardError>) -> Void

/// Appends records and remembers who waits. For one isolation domain.
package struct OriginAppender: Sendable {
    private struct Waiter: Sendable {
        var through: Offset
        var onFlush: FlushWaiter
    }

    /// Calls that wait for one log's flush; above it reports are refused.
    package static let maxWaiters = 65_536
    /// Bytes sealed and not yet taken by the engine; above it reports are refused.
    package static let maxOutboxBytes = 8 << 20

    private var writer: OriginLogWriter
    private var clock: HybridClock
    private var outbox: Deque<EncodedBatch> = []
    private var outboxBytes = 0
    /// Ascending by offset: a later call never waits for less.
    private var waiters: Deque<Waiter> = []
    /// Every offset below it survives a power cut.
    package private(set) var flushed = Offset.zero
    /// The log takes nothing any more: what is not flushed by now never will be.
    private var hasEnded = false
    /// What the engine answered last, while it refuses.
    private var pressure: ShardError?

    package init(writer: OriginLogWriter, stampFloor: HybridStamp) {
        self.writer = writer
        clock = HybridClock(above: stampFloor)
    }

    package var log: LogIdentity { writer.log }
    package var epoch: Epoch { writer.epoch }
    package var nextOffset: Offset { writer.nextOffset }
    package var lastStamp: HybridStamp { clock.latest }
    package var unflushedRecords: Int { Int(clamping: writer.nextOffset.distance(from: flushed)) }
    package var hasPending: Bool { writer.hasPending || !outbox.isEmpty }

    /// The stamp that the next record gets at `now`.
    package func nextStamp(at now: WallTime) -> HybridStamp {
        var clock = clock
        return clock.stamp(at: now)
    }

    /// Throws why nothing may be appended now: the disk is behind or full, or too many wait.
    package func admit() throws(ShardError) {
        if let pressure { throw pressure }
        guard outboxBytes <= Self.maxOutboxBytes, waiters.count < Self.maxWaiters else { throw .backlogFull }
    }

    /// Appends one record stamped at `now`. Throws `.tooLarge` for a body above `EventRecord.maxBodyLength`.
    package mutating func append(
        _ kind: RecordKind, id: EventID, body: [UInt8], at now: WallTime
    ) throws(BatchError) -> (record: EventRecord, offset: Offset) {
        if !writer.hasRoom(forBody: body.count) { try seal() }
        let record = EventRecord(kind: kind, stamp: nextStamp(at: now), id: id, body: body)
        let offset = try writer.append(record)
        _ = clock.stamp(at: now)
        return (record, offset)
    }

    /// Seals what was appended since the last seal.
    package mutating func seal() throws(BatchError) {
        guard let batch = try writer.seal() else { return }
        outbox.append(batch)
        outboxBytes += batch.length
    }

    /// Hands sealed batches to `log` in order until it refuses. A refusal that heals stays as pressure and the rest waits
    /// for the next call; any other error is the end of this log.
    package mutating func submit(to log: some EventLogEngine) throws(EventLogError) {
        while let batch = outbox.first {
            do {
                try log.submit(batch)
            } catch  where error.code == .backlogFull {
                return pressure = .backlogFull
            } catch  where error.code == .noSpace {
                return pressure = .noSpace
            }
            outbox.removeFirst()
            outboxBytes -= batch.length
        }
        pressure = nil
    }

    /// Whether sealed batches wait for the engine: its owner has to try again.
    package var isUnderPressure: Bool { pressure != nil }

    /// Calls `onFlush` once every offset below `through` is flushed; at once when it is, or never will be.
    package mutating func wait(through: Offset, _ onFlush: @escaping FlushWaiter) {
        guard through > flushed else { return onFlush(.success(())) }
        guard !hasEnded else { return onFlush(.failure(.logFenced("the log has ended"))) }
        waiters.append(Waiter(through: max(through, waiters.last?.through ?? through), onFlush: onFlush))
    }

    /// Takes the engine's word and returns who need not wait any longer, in order.
    package mutating func onFlushed(to end: Offset) -> [FlushWaiter] {
        flushed = max(flushed, end)
        var ready: [FlushWaiter] = []
        while let waiter = waiters.first, waiter.through <= flushed {
            ready.append(waiter.onFlush)
            waiters.removeFirst()
        }
        return ready
    }

    /// The log has ended: everybody who waits has to hear it.
    package mutating func onFenced() -> [FlushWaiter] {
        defer {
            hasEnded = true
            waiters.removeAll()
            outbox.removeAll()
            outboxBytes = 0
        }
        return waiters.map(\.onFlush)
    }
}
