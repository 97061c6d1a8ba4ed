// The rate of a link and the lag of a mirror.

import ClusterModel
import NodeEnvironment
import Testing

@testable import RegionMirror

@Suite struct TokenBucketTests {
    let start = BootInstant(nanoseconds: 5_000_000_000)

    @Test("a second's worth passes at once, then the rate holds")
    func holdsTheRate() {
        var bucket = TokenBucket(bytesPerSecond: 1_000)
        #expect(bucket.take(1_000, at: start) == .zero)
        #expect(bucket.take(500, at: start) == .milliseconds(500))
        #expect(bucket.take(500, at: start.advanced(by: .milliseconds(500))) == .milliseconds(500))
        // What was not used in a long while is not saved up.
        let later = start.advanced(by: .seconds(100))
        #expect(bucket.take(1_000, at: later) == .zero)
        #expect(bucket.take(1, at: later) == .milliseconds(1))
    }

    @Test("who waits as told never gets more than a second's worth above the rate")
    func neverExceeds() {
        let seed: UInt64 = 20_261_127
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let rate = 1 + generator.next() % 1_000_000
            var bucket = TokenBucket(bytesPerSecond: rate)
            var now = start
            var taken: UInt64 = 0
            for round in 0..<200 {
                let allowed = Double(rate) * (1 + Double(now.nanoseconds - start.nanoseconds) / 1e9)
                let bytes = generator.next() % (2 * rate)
                #expect(Double(taken) <= allowed + 1, "seed \(seed) round \(round)")
                taken += bytes
                let pause = bucket.take(Int(bytes), at: now)
                now = now.advanced(by: pause + .nanoseconds(Int64(generator.next() % 1_000_000)))
            }
        }
    }

    @Test("extreme rates and sizes neither trap nor stall for ever")
    func saturates() {
        var slow = TokenBucket(bytesPerSecond: 0)
        #expect(slow.take(.max, at: start) > .seconds(1 << 30))
        var fast = TokenBucket(bytesPerSecond: .max)
        #expect(fast.take(.max, at: start) == .zero)
    }
}

@Suite struct LagMeterTests {
    let start = BootInstant(nanoseconds: 5_000_000_000)

    @Test("a quantile is never below the true one, and at most an eighth above it")
    func boundsItsError() throws {
        let seed: UInt64 = 20_261_128
        var generator = SeededGenerator(seed: seed)
        for round in 0..<200 {
            var meter = LagMeter()
            let width = 1 + generator.next() % 20
            let values = (0..<1 + generator.next() % 300).map { _ in generator.next() % (1 << width) }.sorted()
            for value in values.shuffled(using: &generator) { meter.record(milliseconds: value, at: start) }
            for fraction in [0.01, 0.5, 0.9, 0.99, 1] {
                let rank = max(1, Int((Double(values.count) * fraction).rounded(.up)))
                let exact = Double(values[rank - 1])
                let told = try #require(meter.quantile(fraction, at: start))
                #expect(told >= exact && told <= exact * 1.125 + 1, "seed \(seed) round \(round)")
            }
        }
    }

    @Test("what is older than a minute is forgotten; the last half minute never is")
    func forgets() {
        var meter = LagMeter()
        #expect(meter.quantile(0.5, at: start) == nil)
        meter.record(milliseconds: 500, at: start)
        meter.record(milliseconds: 3, at: start.advanced(by: .seconds(31)))
        #expect(meter.quantile(1, at: start.advanced(by: .seconds(31))) ?? 0 >= 500)
        meter.record(milliseconds: 3, at: start.advanced(by: .seconds(62)))
        #expect(meter.quantile(1, at: start.advanced(by: .seconds(62))) == 3)
        #expect(meter.quantile(1, at: start.advanced(by: .seconds(90))) == 3)
        #expect(meter.quantile(1, at: start.advanced(by: .seconds(200))) == nil)
        meter.record(milliseconds: 9, at: start.advanced(by: .seconds(500)))
        meter.record(milliseconds: 4, at: start.advanced(by: .seconds(1_000)))
        #expect(meter.quantile(1, at: start.advanced(by: .seconds(1_000))) == 4)
    }

    @Test("a lag without bound lands in the last bucket")
    func saturates() {
        var meter = LagMeter()
        meter.record(milliseconds: .max, at: start)
        #expect(meter.quantile(0.5, at: start) ?? 0 >= Double(1 << 24))
    }
}
