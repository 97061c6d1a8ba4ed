// Reading back what is flushed.

package import ClusterModel
package import EventLog
import NodeEnvironment
import Synchronization

extension SegmentLog {
    /// Journal bytes that one reading of many logs goes over: how long it may look for what is sparse.
    private static let longestSweep: UInt64 = 16 << 20

    /// As the contract says. Never returns batches with a gap between them: throws `.corrupt` where the first that was
    /// asked for is damaged, and ends before a later one that is. What is trimmed meanwhile is `.trimmed`; batches that were
    /// returned stay what they are, whatever becomes of their segment. Complexity: O(index) and the journal bytes between
    /// the index entry and what is returned.
    package func read(
        _ log: LogIdentity, from offset: Offset, maxBytes: Int
    ) throws(EventLogError) -> [EncodedBatch] {
        guard let want = wants([(log, offset)]).first else {
            if let base = trimmedBase(of: log, above: offset) {
                throw EventLogError(trimmed: log, at: offset, firstAvailable: base)
            }
            let end = flushedEnd(of: log)
            throw EventLogError(.outOfRange, log: log, "offset \(offset.rawValue) is not below the end \(end.rawValue)")
        }
        let swept = try sweep([want], total: maxBytes, longest: .max)
        guard let found = swept.first?.found, !found.isEmpty else {
            if let base = trimmedBase(of: log, above: offset) {
                throw EventLogError(trimmed: log, at: offset, firstAvailable: base)
            }
            throw EventLogError(
                .corrupt, log: log, "the batch that holds offset \(offset.rawValue) does not verify any more")
        }
        return found
    }

    /// As the contract says, in one pass over the journal, or in two where the first of `places` is far from the earliest.
    /// Complexity: O(places x log index) and the journal bytes from there on, at most `longestSweep` a pass.
    package func read(
        _ places: [(log: LogIdentity, offset: Offset)], total: Int
    ) throws(EventLogError) -> [LogIdentity: LogReading] {
        let gone = places.reduce(into: [LogIdentity: LogReading]()) { gone, place in
            if let base = trimmedBase(of: place.log, above: place.offset) { gone[place.log] = .unreadable(next: base) }
        }
        var wants = wants(places)
        guard let lead = wants.first else { return gone }
        if isFar(lead, from: wants, total: total) {
            // Those before it are served by the other half.
            let ahead = wants.filter { $0.place >= lead.place }
            wants = wants.filter { $0.place < lead.place }
            wants += try sweep(ahead, total: total / 2, longest: Self.longestSweep)
            wants = try sweep(wants, total: total / 2, longest: Self.longestSweep)
        } else {
            wants = try sweep(wants, total: total, longest: Self.longestSweep)
        }
        if let index = wants.firstIndex(where: { $0.log == lead.log }), wants[index].isUntouched {
            // The bytes were used up before the pass came to it.
            wants += try sweep([wants.remove(at: index)], total: 1, longest: Self.longestSweep)
        }
        return wants.reduce(into: gone) { readings, want in
            if !want.found.isEmpty {
                readings[want.log] = .batches(want.found)
            } else if let next = want.resumes {
                readings[want.log] = .unreadable(next: next)
            }
        }
    }

    /// Whether a pass over `wants` uses its bytes up before it comes to `lead`, or nearly.
    private func isFar(_ lead: JournalSweep.Want, from wants: [JournalSweep.Want], total: Int) -> Bool {
        guard let earliest = wants.map(\.place).min() else { return false }
        return lead.place.generation != earliest.generation
            || lead.place.position > earliest.position + UInt64(clamping: total)
    }

    /// Where the log begins, when `offset` is trimmed.
    private func trimmedBase(of log: LogIdentity, above offset: Offset) -> Offset? {
        state.withLock { state in state.table[log].flatMap { offset < $0.base ? $0.base : nil } }
    }

    /// Places of what is flushed and begins or goes on there; others are left out.
    private func wants(_ places: [(log: LogIdentity, offset: Offset)]) -> [JournalSweep.Want] {
        state.withLock { state in
            places.compactMap { log, offset in
                guard let entry = state.table[log], offset >= entry.base, offset < entry.end else { return nil }
                let end = entry.end
                let known = state.readPlaces.place(of: offset, in: log)
                return (known ?? state.table.place(of: offset, in: log)).map { place in
                    JournalSweep.Want(log: log, start: offset, end: end, next: offset, place: place)
                }
            }
        }
    }

    /// Remembers where each log goes on.
    private func sweep(
        _ wants: [JournalSweep.Want], total: Int, longest: UInt64
    ) throws(EventLogError) -> [JournalSweep.Want] {
        var sweep = JournalSweep(wants, total: total, longest: longest, directory: directory, journal: journal)
        do throws(FileError) {
            let swept = try sweep.run()
            state.withLock { state in
                for want in swept {
                    if want.resumes == nil {
                        state.readPlaces.onRead(want.log, from: want.start, to: want.next, at: want.place)
                    } else {
                        state.readPlaces.forget(want.log, from: want.start)
                    }
                }
            }
            return swept
        } catch {
            throw EventLogError(.io, "the journal cannot be read", cause: error)
        }
    }
}
