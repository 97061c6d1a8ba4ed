// Sums of numbers that came from outside: they end at the type's bounds and never trap.

extension UInt64 {
    /// The sum, or the largest number where it is larger.
    package func adding(clamping other: UInt64) -> UInt64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? .max : sum
    }

    /// The difference, or zero where `other` is larger.
    package func subtracting(clamping other: UInt64) -> UInt64 { self > other ? self &- other : 0 }
}

extension Int {
    /// The sum, or the nearest bound where it lies beyond.
    package func adding(clamping other: Int) -> Int {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? (other > 0 ? .max : .min) : sum
    }
}

extension Int64 {
    /// The difference, or the nearest bound where it lies beyond.
    package func subtracting(clamping other: Int64) -> Int64 {
        let (difference, isOver) = subtractingReportingOverflow(other)
        return isOver ? (other > 0 ? .min : .max) : difference
    }
}
