// The bounds of the serving API: those of the .proto comments, and what one node takes at a time.

import ClusterModel
import NodeEnvironment

/// How much may be under way at once. Injected: configuration chooses.
package struct AdmissionLimits: Hashable, Sendable {
    /// Calls that were taken and not yet answered.
    package var calls: Int
    /// Bytes of their requests.
    package var bytes: Int
    /// How old what waits may be.
    package var load: LoadSettings
    /// What one client may have of calls and bytes, in per cent; 100 leaves all to one.
    package var clientPercent: Int

    package init(
        calls: Int = 16_384, bytes: Int = 64 << 20, load: LoadSettings = LoadSettings(), clientPercent: Int = 100
    ) {
        self.calls = calls
        self.bytes = bytes
        self.load = load
        self.clientPercent = clientPercent
    }

    /// One client's part of what a class may have: room for one request in any case.
    func part(of share: (calls: Int, bytes: Int)) -> (calls: Int, bytes: Int) {
        let bytes = CallerShares.part(clientPercent, of: share.bytes)
        return (
            CallerShares.part(clientPercent, of: share.calls),
            max(bytes, min(share.bytes, RequestBounds.requestBytes))
        )
    }

    /// Up to how many calls and bytes a class is let in: the room above is kept for those that come before it.
    func share(of priority: CallPriority) -> (calls: Int, bytes: Int) {
        switch priority {
        case .unlock: (calls, bytes)
        case .write: (calls - calls / 8, bytes - bytes / 8)
        case .prefetch: (calls - calls / 2, bytes - bytes / 2)
        }
    }
}

/// What the .proto comments promise; in bytes, milliseconds and counts.
enum RequestBounds {
    static let userIDBytes = 1...256
    static let contentIDBytes = 1...128
    static let eventsPerCall = 1...512
    static let itemsPerCall = 1...512
    static let requestBytes = 1 << 20
    static let slateItems = 1...100
    static let defaultSlateItems = 10
    static let sessionTokenBytes = 256
    static let itemTokenBytes = 256
    static let slateIDBytes = 16
    static let slot = UInt32(UInt16.max)
    static let deviceModelBytes = 64
    static let ageRating: ClosedRange<UInt32> = 0...99
    static let cancelledWithdrawals = 16
    static let remoteRegions: ClosedRange<UInt32> = 1...15
    static let titleBytes = 512
    static let categoryBytes = 64
    static let countries = 256
    static let cursorBytes = 256 << 10
    /// Times on the wire: what stamps have room for.
    static let milliseconds = WallTime.mask
}
