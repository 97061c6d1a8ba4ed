// What the runs on one directory submitted and acknowledged, and whether the journal keeps to it.

import ClusterModel
import EventLog
import HostEnvironment
import NodeEnvironment
import SimulatedEnvironment

@testable import SegmentLog

/// A digest covers a batch's bytes and, through the chain, all before it: equal digests are equal bytes.
struct KilledJournal {
    private struct Place: Hashable {
        var log: String
        var end: UInt64
    }

    private struct Batch: Hashable {
        var place: Place
        var base: UInt64
        var digest: String
    }

    let directory: String
    private var submitted: Set<Batch> = []
    /// Digests at ends that were acknowledged, or found flushed by a start.
    private var promised: [Place: String] = [:]
    private var ends: [String: UInt64] = [:]
    private(set) var acknowledgements = 0
    /// Batches that the last look found.
    private(set) var found = 0
    private(set) var segments = 0

    init(directory: String) { self.directory = directory }

    // MARK: What a run said

    /// Returns what it said that cannot be.
    mutating func hear(_ lines: [Substring]) -> [String] {
        var complaints: [String] = []
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            switch (words.first, words.count) {
            case ("submit", 5):
                let place = Place(log: words[1], end: UInt64(words[3]) ?? 0)
                let base = UInt64(words[2]) ?? 0
                if base < ends[words[1]] ?? 0 { complaints.append("offset used again: \(line)") }
                submitted.insert(Batch(place: place, base: base, digest: words[4]))
            case ("flushed", 4), ("found", 4):
                if words[0] == "flushed" { acknowledgements += 1 }
                complaints += promise(Place(log: words[1], end: UInt64(words[2]) ?? 0), words[3])
            case ("failed", _): complaints.append("the log ended by itself: \(line)")
            default: break
            }
        }
        return complaints
    }

    private mutating func promise(_ place: Place, _ digest: String) -> [String] {
        let isOther = promised[place].map { $0 != digest } ?? false
        promised[place] = digest
        ends[place.log] = max(ends[place.log] ?? 0, place.end)
        return isOther ? ["two chains at \(place)"] : []
    }

    // MARK: What the disk holds

    /// Looks at every batch. `repairs`: by the product's opening, which writes again what is in doubt (S7) and makes a promise
    /// of all that it finds; otherwise without changing anything, so that the next start is the first to repair.
    mutating func check(repairs: Bool, seed: UInt64) -> [String] {
        let stepped = SteppedEnvironment(seed: seed)
        let environment = NodeEnvironment(
            clock: stepped.clock, entropy: stepped.environment.entropy, executors: stepped.environment.executors,
            files: HostFileStore(), links: NoLinks())
        var complaints: [String] = []
        var kept: [Place: String] = [:]
        var tails: [LogIdentity: EncodedBatch] = [:]
        func visit(_ batch: EncodedBatch) {
            complaints += judge(batch, after: &tails)
            kept[Self.place(of: batch)] = Self.name(batch.chainDigest)
        }
        do {
            var corrupt: [CorruptRange]
            if repairs {
                let log = try SegmentLog.open(directory: directory, environment: environment, visit: visit)
                defer { log.abandon() }
                corrupt = log.recovered.corruptRanges
            } else {
                corrupt = try JournalInspection(
                    directory: directory, files: environment.files, visit: visit
                ).corruptRanges
            }
            if !corrupt.isEmpty { complaints.append("corruption is reported where nothing is corrupt: \(corrupt)") }
            segments = try JournalDirectory(path: directory, files: environment.files).generations().count
        } catch {
            // Killed before there was a journal; then there is nothing to keep either.
            if !promised.isEmpty { complaints.append("the journal cannot be opened: \(error)") }
        }
        let lost = promised.filter { kept[$0.key] != $0.value }
        if !lost.isEmpty { complaints.append("\(lost.count) acknowledged batches are missing or differ") }
        found = kept.count
        if repairs { for (place, digest) in kept { complaints += promise(place, digest) } }
        return complaints
    }

    private func judge(_ batch: EncodedBatch, after tails: inout [LogIdentity: EncodedBatch]) -> [String] {
        let log = batch.header.log
        let tail = tails.updateValue(batch, forKey: log)
        var complaints: [String] = []
        if !batch.extends(log, end: tail?.endOffset ?? .zero, digest: tail?.chainDigest ?? .zero) {
            complaints.append("\(log) does not go on at \(batch.header.baseOffset.rawValue)")
        }
        let written = Batch(
            place: Self.place(of: batch), base: batch.header.baseOffset.rawValue, digest: Self.name(batch.chainDigest))
        if !submitted.contains(written) { complaints.append("nobody wrote \(written)") }
        return complaints
    }

    private static func place(of batch: EncodedBatch) -> Place {
        let log = batch.header.log
        return Place(
            log: "\(log.name.region.rawValue)/\(log.name.partition.rawValue)/\(log.incarnation.rawValue)",
            end: batch.endOffset.rawValue)
    }

    private static func name(_ digest: Digest128) -> String {
        "\(String(digest.high, radix: 16))-\(String(digest.low, radix: 16))"
    }
}
