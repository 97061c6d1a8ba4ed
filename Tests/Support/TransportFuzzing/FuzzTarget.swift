// What is fuzzed: everything that reads a peer's bytes before anybody knows the peer.

/// One reader of bytes. `run` must come back, whatever the input, and throws when a rule does not hold.
package protocol FuzzTarget: Sendable {
    var name: String { get }
    /// Good inputs to start from.
    var seeds: [[UInt8]] { get }
    /// Bytes at the front that stay whole, because nothing else is reached without them.
    var keptBytes: Int { get }
    func run(_ input: [UInt8]) throws
}

/// A rule that did not hold for an input.
package struct FuzzFinding: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// What a run has seen.
package struct FuzzOutcome: Sendable {
    package var inputs = 0
    /// The input that broke a rule, and which.
    package var finding: (input: [UInt8], reason: String)?
}

package enum FuzzRun {
    /// Runs `kept` inputs as they are, then `runs` damaged ones. Before each input `onInput` is told, so that a crash leaves
    /// it behind.
    package static func run(
        _ target: any FuzzTarget, kept: [[UInt8]], runs: Int, seed: UInt64, onInput: ([UInt8]) -> Void = { _ in }
    ) -> FuzzOutcome {
        var mutator = SeededMutator(seed: seed)
        let seeds = target.seeds + kept
        var outcome = FuzzOutcome()
        for number in 0..<kept.count + runs {
            let input = number < kept.count ? kept[number] : mutator.input(from: seeds, keeping: target.keptBytes)
            onInput(input)
            outcome.inputs += 1
            do {
                try target.run(input)
            } catch {
                outcome.finding = (input, "\(error) (seed \(seed), input \(number))")
                return outcome
            }
        }
        return outcome
    }
}
