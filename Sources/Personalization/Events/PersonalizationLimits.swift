// The bounds of what users and content may say. Doors check them; decoders check them again.

import MergeableState

/// Bytes and counts.
package enum PersonalizationLimits {
    package static let contentIDBytes = 128
    package static let languageBytes = 8
    package static let countryBytes = 2
    package static let deviceModelBytes = 64
    /// S8's maximum: thirty days. A member that is away longer holds up its origin's time, and with it whatever goes by it.
    package static let personalDataLife: Duration = .seconds(30 * 86_400)
    /// Items of one slate.
    package static let slateItems = 100
    /// Withdrawals that one grant cancels, or that one withdrawal replaces (S9): all that a door can know.
    package static let cancelledWithdrawals = ConsentState.maxKnown
}
