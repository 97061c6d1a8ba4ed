// A source of a snapshot that is too slow is left (S5).

import Testing

@testable import RegionMirror

@Suite struct SourcePaceTests {
    @Test func aByteAtATimeIsTooSlow() throws {
        var pace = SourcePace()
        for _ in 0..<19 { try pace.note(1, in: .seconds(1)) }
        #expect { try pace.note(1, in: .seconds(1)) } throws: { ($0 as? MirrorError)?.code == .tooSlow }
    }

    @Test func whatIsFastEnoughIsNotLeft() throws {
        var pace = SourcePace()
        for _ in 0..<100 { try pace.note(Int(SourcePace.leastBytesPerSecond), in: .seconds(1)) }
        try pace.note(.max, in: .seconds(-5))
        try pace.note(.max, in: .seconds(1))
    }
}
