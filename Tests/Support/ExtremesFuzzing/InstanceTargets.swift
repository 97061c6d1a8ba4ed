// Instances that are driven by plain numbers: clocks, claims, trimming, rates and ids.

import ClusterModel
import EventLog
import MergeableState
import Personalization
import RegionMirror
import SegmentLog

/// Numbers of 64 bits, one after the other; zero behind the last.
struct NumberStream {
    private var reader: ByteReader

    init(_ bytes: [UInt8]) { reader = ByteReader(bytes) }

    mutating func next() -> UInt64 { (try? reader.read(UInt64.self)) ?? 0 }

    mutating func signed() -> Int64 { Int64(bitPattern: next()) }
}

extension ExtremesTarget {
    /// A good input of so many numbers.
    static func numbers(_ values: [UInt64]) -> [UInt8] {
        var writer = ByteWriter()
        for value in values { writer.write(value) }
        return writer.bytes
    }
}

struct ClockTarget: ExtremesTarget {
    let name = "clocks"
    let grammar = ExtremesGrammar(bounds: [WallTime.mask, 500, 5_000, 600_000, 1_000_000_000], strides: [8, 16])

    var seeds: [[UInt8]] {
        let now = ExtremesSamples.now.milliseconds
        return [
            Self.numbers([now, 1_000_000_000, now + 100, 1_100_000_000, now + 200, 1_200_000_000, 5, 40_000, now << 16]
            ),
            Self.numbers([now, 5_000_000_000, now - 3_000, 5_100_000_000, now, 5_200_000_000, 0, 0, 0]),
        ]
    }

    func run(_ bytes: [UInt8]) -> Bool {
        var numbers = NumberStream(bytes)
        var clock = ClockGuard(bounds: .standard)
        var hybrid = HybridClock(above: HybridStamp(rawValue: numbers.next()))
        for _ in 0..<3 {
            let (wall, boot) = (WallTime(milliseconds: numbers.next()), BootInstant(nanoseconds: numbers.next()))
            clock.onReading(wall: wall, boot: boot, isSynchronised: wall.milliseconds % 2 == 0)
            _ = (clock.verdict.description, clock.believedTime(at: boot), hybrid.stamp(at: wall))
        }
        for region in 1...3 as ClosedRange<UInt16> {
            clock.onPeer(
                RegionNumber(region),
                PeerClock(
                    offsetMilliseconds: numbers.signed(), roundTrip: .nanoseconds(numbers.signed()), isRefusing: false))
            _ = clock.verdict.description
        }
        judge(&numbers)
        return true
    }

    private func judge(_ numbers: inout NumberStream) {
        let id = EventID(time: numbers.next(), client: 1)
        let stamp = HybridStamp(rawValue: numbers.next())
        let (one, other) = (WallTime(milliseconds: numbers.next()), WallTime(milliseconds: numbers.next()))
        _ = (TimeBounds.standard.verdict(on: id, at: stamp), one.signedMilliseconds(from: other))
        _ = (one.milliseconds(since: other), TimeCeiling(at: one).admits(stamp), stamp.next)
        let length = Duration.milliseconds(numbers.signed())
        _ = (one.advanced(by: length), BootInstant(nanoseconds: id.time).advanced(by: length), length.signedNanoseconds)
        _ = try? TimeBounds(
            maxDrift: length, maxFuture: .milliseconds(numbers.signed()), maxAge: .seconds(numbers.signed()),
            timeMarkInterval: length, silence: .seconds(numbers.signed()))
        var bucket = TokenBucket(bytesPerSecond: numbers.next())
        _ = bucket.take(Int(bitPattern: UInt(numbers.next())), at: BootInstant(nanoseconds: numbers.next()))
        var meter = LagMeter()
        meter.record(milliseconds: numbers.next(), at: BootInstant(nanoseconds: numbers.next()))
        _ = meter.quantile(0.5, at: BootInstant(nanoseconds: numbers.next()))
        let offset = Offset(numbers.next())
        _ = (offset.advanced(by: .max), offset.advanced(by: .min), offset.distance(from: Offset(numbers.next())))
        _ = Incarnation(numbers.next()).next
    }
}

/// What decides which segments go.
struct TrimTarget: ExtremesTarget {
    let name = "trim"
    let grammar = ExtremesGrammar(bounds: [WallTime.mask, 604_800, 64 << 30], strides: [8, 16])

    var seeds: [[UInt8]] {
        let now = ExtremesSamples.now.milliseconds
        return [
            Self.numbers([
                now, 600, 64 << 30, 128 << 30, 100, 90, now << 16, 1, 64 << 20, 80, now << 16, 2, 64 << 20, 80, 5,
            ])
        ]
    }

    func run(_ bytes: [UInt8]) -> Bool {
        var numbers = NumberStream(bytes)
        let log = ExtremesSamples.log(1, 5)
        let now = WallTime(milliseconds: numbers.next())
        var inputs = TrimInputs(
            floors: [:], now: now, retention: .seconds(numbers.signed()), retentionBytes: numbers.next(),
            pinMaxBytes: numbers.next())
        inputs.floors[log] = TrimFloor(
            snapshot: Offset(numbers.next()), members: Offset(numbers.next()),
            forgettable: HybridStamp(rawValue: numbers.next()))
        inputs.pins = [TrimPin(name: "group", next: [log: Offset(numbers.next())])]
        var plan = TrimPlan(inputs, journalBytes: numbers.next())
        for _ in 0..<2 {
            let part = SegmentContents.Part(
                end: Offset(numbers.next()), lastStamp: HybridStamp(rawValue: numbers.next()))
            _ = plan.take(SegmentContents(generation: numbers.next(), bytes: numbers.next(), parts: [log: part]))
        }
        _ = plan.hold?.description
        return true
    }
}

/// Ids, sums and orders of a state.
struct SumsTarget: ExtremesTarget {
    let name = "sums"
    let grammar = ExtremesGrammar(bounds: [WallTime.mask, 86_400_000, 31], strides: [8, 16])

    var seeds: [[UInt8]] {
        let now = ExtremesSamples.now.milliseconds
        return [Self.numbers([now << 16, 1, now << 16, 2, 5, now, 3, now, 7, now, 1, 2, 3, 4, 5])]
    }

    func run(_ bytes: [UInt8]) -> Bool {
        var numbers = NumberStream(bytes)
        var index = IDIndex()
        for _ in 0..<2 {
            let id = EventID(time: numbers.next(), client: numbers.next())
            let key = MergeOrder(id: id, bodyDigest: numbers.next())
            _ = (index.insert(key), index.contains(key), index.keys.count)
        }
        index.forget(before: WallTime(milliseconds: numbers.next()))
        _ = index.forgetOldest(above: 0)
        var sums = BucketedSums(width: .milliseconds(numbers.signed()), limit: Int(bitPattern: UInt(numbers.next())))
        for _ in 0..<3 { sums.add(numbers.signed(), at: WallTime(milliseconds: numbers.next())) }
        sums.erase(upTo: WallTime(milliseconds: numbers.next()))
        _ = sums.counts(WallTime(milliseconds: numbers.next()), after: WallTime(milliseconds: numbers.next()))
        var buckets = LogarithmicBuckets(bitsPerOctave: 3, octaves: 26)
        buckets.record(numbers.next())
        _ = buckets.quantile(0.99)
        return true
    }
}
