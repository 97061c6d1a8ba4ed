// Batches with their records, as they come from peers and files, and the states that fold them.

import ClusterModel
import EventLog
import MergeableState
import Personalization

/// Two batches that chain: both checksums are right, and the second names the digest of the first.
struct BatchTarget: ExtremesTarget {
    let name: String
    let grammar = ExtremesGrammar(
        bounds: [
            UInt64(BatchHeader.maxBodyLength), UInt64(BatchHeader.maxRecords), UInt64(EventRecord.maxBodyLength),
            UInt64(EndsRecord.maxEnds), 16, 128, WallTime.mask, UInt64(RecordKind.model.rawValue),
        ], strides: [16, 32])
    private let topic: TopicID
    private let compressing: Bool

    init(_ topic: TopicID, compressing: Bool = false) {
        self.topic = topic
        self.compressing = compressing
        name = "\(topic == .content ? "content" : "events")-batch\(compressing ? "-lz4" : "")"
    }

    private var log: LogIdentity { ExtremesSamples.log(1, 5, topic: topic) }

    var seeds: [[UInt8]] {
        // Without samples the run would take nothing, and say so.
        [((try? ExtremesSamples.chain(log, compressing: compressing)) ?? []).flatMap(\.bytes)]
    }

    /// By the lengths that stand in the headers; where these lead nowhere the rest stays as it is.
    func seal(_ bytes: inout [UInt8]) {
        var start = 0
        var before: [UInt8]?
        while bytes.count - start >= 128 {
            if let before {
                let digest = SHA256.hash(before).prefix128
                for index in 0..<8 {
                    let shift = UInt64(56 - 8 * index)
                    bytes[start + 96 + index] = UInt8(truncatingIfNeeded: digest.high >> shift)
                    bytes[start + 104 + index] = UInt8(truncatingIfNeeded: digest.low >> shift)
                }
            }
            let length = 128 + Int(clamping: Checksums.word(bytes, at: start + 52))
            guard length <= bytes.count - start else { return }
            Checksums.sealBatch(&bytes, at: start, length: length)
            before = Array(bytes[start..<start + length])
            start += length
        }
    }

    func run(_ bytes: [UInt8]) -> Bool {
        var batches: [EncodedBatch] = []
        var start = 0
        while start < bytes.count, let header = try? BatchHeader(decoding: bytes[start...]) {
            let length = BatchHeader.length + Int(header.bodyLength)
            guard length <= bytes.count - start,
                let batch = try? EncodedBatch(verifying: bytes[start..<start + length], digesting: true)
            else { break }
            batches.append(batch)
            start += length
        }
        fold(batches)
        return start == bytes.count && batches.allSatisfy { (try? $0.records()) != nil }
    }

    private func fold(_ batches: [EncodedBatch]) {
        var users = ShardState(partition: ExtremesSamples.partition)
        var content = ContentState(limit: 4)
        var producers = ProducerTable()
        let ceiling = TimeCeiling(at: ExtremesSamples.now)
        for batch in batches {
            producers.note(batch.header)
            _ = (batch.endOffset, ceiling.admits(batch.header.lastStamp), ceiling.admits(batch.header.log.incarnation))
            _ = try? producers.verdict(
                on: batch.header.producer, count: batch.header.count, at: batch.header.lastStamp)
            // A log that has to stop is a refusal.
            if topic == .content { _ = try? content.apply(batch) } else { _ = try? users.apply(batch) }
            users.forget(members: [batch.header.log.name.region], bounds: .standard)
        }
        settle(users, content, batches)
    }

    /// What readers make of a state: digests, snapshots, times, sessions, popularity.
    private func settle(_ users: ShardState, _ content: ContentState, _ batches: [EncodedBatch]) {
        var users = users
        _ = users.digest()
        if topic == .content {
            _ = try? ContentSnapshot.decode(ContentSnapshot.encode(content), limit: 4)
        } else {
            _ = try? ShardSnapshot.decode(ShardSnapshot.encode(users), partition: ExtremesSamples.partition)
        }
        for batch in batches {
            let (region, incarnation) = (batch.header.log.name.region, batch.header.log.incarnation)
            let entry = VersionVector.Entry(region: region, incarnation: incarnation, next: batch.endOffset)
            _ = (users.lines.verdict(on: entry), users.lines.covered(of: incarnation, in: region))
            _ = users.lines.time(over: [region])
        }
        var totals = PopularityTotals()
        totals.replace(ExtremesSamples.partition, with: users.popularity)
        var catalogue = content.catalogue
        _ = totals.snapshot(at: ExtremesSamples.now, catalogue: catalogue.snapshot())
    }
}

/// Bodies of single records, taken by a state that has seen others: a body's numbers stand where no header hides them.
struct BodyTarget: ExtremesTarget {
    let name = "bodies"
    let grammar = ExtremesGrammar(bounds: [16, 128, 100, 8, WallTime.mask, UInt64(EndsRecord.maxEnds)], strides: [16])

    /// The first two bytes are the kind.
    var seeds: [[UInt8]] {
        let records =
            ExtremesSamples.beginning(of: ExtremesSamples.log(1, 5)) + ExtremesSamples.eventRecords
            + ExtremesSamples.contentRecords
        return records.map { record in
            [UInt8(truncatingIfNeeded: record.kind.rawValue), UInt8(truncatingIfNeeded: record.kind.rawValue >> 8)]
                + record.body
        }
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 2 else { return false }
        let kind = RecordKind(rawValue: UInt16(bytes[0]) | UInt16(bytes[1]) << 8)
        let body = Array(bytes.dropFirst(2))
        let log = ExtremesSamples.log(2, 9)
        var state = ExtremesSamples.state()
        var content = ContentState(limit: 2)
        var isTaken = false
        for (offset, time) in [ExtremesSamples.now, WallTime(milliseconds: 0), WallTime(milliseconds: .max)]
            .enumerated()
        {
            let record = EventRecord(
                kind: kind, stamp: HybridStamp(at: ExtremesSamples.now),
                id: EventID(at: time, sequence: .max, client: .max),
                body: body)
            let place = Offset(UInt64(offset))
            // A record that is refused stops its log, and no process.
            if (try? state.apply(record, in: log.name.region, log.incarnation, at: place)) != nil { isTaken = true }
            if (try? content.apply(record, in: log.name.region, log.incarnation, at: place)) != nil { isTaken = true }
        }
        _ = state.digest()
        if let taste = state.user(ExtremesSamples.user) { _ = taste.consent.isGranted }
        return isTaken
    }
}
