// Refusals for overload, encoded once: refusing must cost next to nothing, or serving stops where it is needed most.

/// By pressure and by jitter. The delay doubles with the pressure, and callers that are refused together are told different
/// ones.
struct OverloadRefusals: Sendable {
    private static let variants = 4
    /// Milliseconds at no pressure, before jitter.
    private static let firstDelay = 50

    private let refusals: [Refusal]

    init(_ reason: ErrorReason, _ message: String) {
        var refusals: [Refusal] = []
        for pressure in 0...LoadController.maxPressure {
            for variant in 0..<Self.variants {
                // From three quarters of the delay to one and a half of it.
                let milliseconds = (Self.firstDelay << pressure) * (Self.variants - 1 + variant) / Self.variants
                var refusal = Refusal(reason, message)
                refusal.retryAfter = .milliseconds(milliseconds)
                refusals.append(refusal.prepared())
            }
        }
        self.refusals = refusals
    }

    /// `turn`: any number; successive ones get different delays.
    func refusal(pressure: Int, turn: Int) -> Refusal {
        let row = min(max(pressure, 0), LoadController.maxPressure)
        return refusals[row * Self.variants + turn & (Self.variants - 1)]
    }
}
