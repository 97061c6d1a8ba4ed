// Measurement: the histogram stays within its promised error.

import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite struct MeasurementTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func quantilesAreWithinOneBucket(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var histogram = LatencyHistogram()
        let values = (0..<5_000).map { _ in generator.next() >> (32 + generator.next() % 30) }
        for value in values { histogram.record(.microseconds(Int64(value))) }
        let sorted = values.sorted()
        for fraction in [0.01, 0.5, 0.9, 0.99, 1] {
            let exact = sorted[max(0, Int((5_000 * fraction).rounded(.up)) - 1)]
            let read = histogram.quantileMicroseconds(fraction)
            #expect(read >= exact && read <= exact + exact / 32 + 1, "seed \(seed), \(fraction): \(read) for \(exact)")
        }
    }

    @Test func jsonKeepsOrderAndEscapes() {
        let value = JSONValue.object(["b": .count(1), "a": .array([.null, .boolean(true), .string("\"\\\n\u{1}")])])
        #expect(value.text == #"{"b":1,"a":[null,true,"\"\\\n\u0001"]}"#)
    }
}
