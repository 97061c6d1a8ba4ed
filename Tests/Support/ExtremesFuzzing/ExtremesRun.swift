// One stretch of a target's inputs, run in this process: whoever starts it reads the progress when the process dies.

/// Where a stretch stands, for one who watches from outside.
package protocol ExtremesProgress {
    func onInput(_ number: UInt64)
}

/// What a stretch came to.
package struct ExtremesOutcome: Hashable, Sendable {
    package var inputs: UInt64 = 0
    /// How many were taken by their reader.
    package var taken: UInt64 = 0

    package init(inputs: UInt64 = 0, taken: UInt64 = 0) {
        self.inputs = inputs
        self.taken = taken
    }
}

package enum ExtremesRun {
    /// Runs the inputs `numbers` of a target.
    package static func run(
        _ target: any ExtremesTarget, _ numbers: Range<UInt64>, seed: UInt64, _ progress: some ExtremesProgress
    ) -> ExtremesOutcome {
        let inputs = ExtremesInputs(target)
        var outcome = ExtremesOutcome()
        for number in numbers {
            progress.onInput(number)
            if target.run(inputs.input(number, seed: seed)) { outcome.taken += 1 }
            outcome.inputs += 1
        }
        return outcome
    }
}

/// The canary: a reader that believes a length. It has to be found, or the search finds nothing.
package struct TrappingTarget: ExtremesTarget {
    package let name = "canary"
    package let grammar = ExtremesGrammar()
    package let seeds: [[UInt8]] = [[1, 0, 0, 0, 5, 0, 0, 0, 7, 7, 7, 7, 7]]

    package init() {}

    package func run(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 8, bytes[0] == 1 else { return false }
        let length = bytes[4..<8].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        // The fault: the sum is not checked.
        return Int(length + 8) <= bytes.count
    }
}
