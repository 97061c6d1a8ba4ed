// Frames, header blocks and messages, with extremes in place of the other fuzzers' noise; and the times that callers allow.

import ClusterModel
import GRPCFraming
import TransportFuzzing

/// A target of the noise fuzzers: its numbers have their big end first.
struct TransportTarget: ExtremesTarget {
    let grammar: ExtremesGrammar
    private let target: any FuzzTarget

    var name: String { "transport-\(target.name)" }
    var seeds: [[UInt8]] { target.seeds }

    init(_ target: any FuzzTarget) {
        self.target = target
        var grammar = ExtremesGrammar(bounds: [16_384, 1 << 20, 4 << 20, 16_777_215, 65_535, 4_096, 100], share: 8)
        grammar.numbers = .anyEndian
        grammar.maxBytes = 16 << 10
        self.grammar = grammar
    }

    func run(_ bytes: [UInt8]) -> Bool { (try? target.run(bytes)) != nil }
}

/// The header grpc-timeout.
struct TimeoutTarget: ExtremesTarget {
    let name = "timeouts"
    let grammar: ExtremesGrammar
    let seeds: [[UInt8]] = ["1n", "10u", "500m", "99999999S", "3M", "9H"].map { Array($0.utf8) }

    init() {
        var grammar = ExtremesGrammar(bounds: [99_999_999])
        grammar.numbers = .decimal
        self.grammar = grammar
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let timeout = CallTimeout.parse(bytes.span) else { return false }
        return !CallTimeout.format(nanoseconds: timeout.signedNanoseconds).isEmpty
    }
}
