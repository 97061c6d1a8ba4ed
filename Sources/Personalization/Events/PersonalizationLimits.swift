// The bounds of what users and content may say. Doors check them; decoders check them again.

/// Bytes and counts.
package enum PersonalizationLimits {
    package static let contentIDBytes = 128
    package static let languageBytes = 8
    package static let countryBytes = 2
    package static let deviceModelBytes = 64
    /// Items of one slate.
    package static let slateItems = 100
    /// Withdrawals that one grant cancels (S9).
    package static let cancelledWithdrawals = 16
}
