// What is given extremes: everything that reads numbers from outside, and the instances that go on with them.

/// One reader of outside bytes, and what stands behind it. `run` must come back, whatever the input.
package protocol ExtremesTarget: Sendable {
    var name: String { get }
    var grammar: ExtremesGrammar { get }
    /// Good inputs: lists empty, with a few items, and at their bound.
    var seeds: [[UInt8]] { get }
    /// Makes checksums right again, so that the input gets past them.
    func seal(_ bytes: inout [UInt8])
    /// Reads the input and drives what it becomes. Whether it was taken: extremes that nobody takes show nothing.
    func run(_ bytes: [UInt8]) -> Bool
}

extension ExtremesTarget {
    package func seal(_ bytes: inout [UInt8]) {}
}

/// How an input's numbers look, and which are special.
package struct ExtremesGrammar: Sendable {
    package enum Numbers: Hashable, Sendable {
        /// Fixed widths, little-endian, and LEB128.
        case littleEndian
        /// Fixed widths either way round, and LEB128.
        case anyEndian
        /// Runs of decimal digits in a text.
        case decimal
    }

    package var numbers = Numbers.littleEndian
    /// Bounds of the target: each is put in as it is, one less and one more.
    package var bounds: [UInt64] = []
    /// Sizes of repeated elements: an extreme now and then goes into the same field of all that follow.
    package var strides: [Int] = []
    /// How many of all inputs it gets, beside the others' shares: less for targets that cost more.
    package var share = 64
    /// Inputs that grow beyond are cut.
    package var maxBytes = 64 << 10

    package init() {}
}
