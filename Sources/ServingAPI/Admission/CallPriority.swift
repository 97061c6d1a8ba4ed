// Which calls go first when not all can be served: somebody waits for an unlock, nobody yet for what is fetched ahead.

import GRPCFraming

/// Classes of calls, the first to be shed first. Health, reflection and operators' calls have no class: load never refuses
/// them.
package enum CallPriority: Int, Hashable, Comparable, Sendable, CaseIterable {
    /// Fetched ahead of need, or shown to nobody in particular.
    case prefetch = 0
    /// Events and other changes: they carry ids, and their caller keeps them until they are taken.
    case write = 1
    /// A person looks at the screen.
    case unlock = 2

    /// The metadata in which a caller says so: `unlock` or `prefetch`. It lowers a call, and never raises one.
    package static let header = "meridian-priority"

    /// The name in metrics.
    package var name: String {
        switch self {
        case .prefetch: "prefetch"
        case .write: "write"
        case .unlock: "unlock"
        }
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }

    /// The class of a call of `method` with this metadata; nil when the metadata says something else than may be said.
    init?(of method: ServingMethod, _ metadata: CallMetadata) {
        let standard = method.priority
        guard !metadata.isEmpty, let value = metadata.firstBytes(Self.header) else {
            self = standard
            return
        }
        if value.elementsEqual("prefetch".utf8) {
            self = .prefetch
        } else if value.elementsEqual("unlock".utf8) {
            self = standard
        } else {
            return nil
        }
    }
}

extension ServingMethod {
    /// Whether its calls append to the log. What consumers commit or give up goes into files of its own, and may be what makes
    /// room.
    var appends: Bool {
        switch self {
        case .report, .updateProfile, .erase, .setConsent, .publish, .withdraw: true
        default: false
        }
    }

    /// The class of its calls, unless their metadata lowers it.
    var priority: CallPriority {
        switch self {
        case .nextContent, .getContent, .getProfile, .checkHealth: .unlock
        case .report, .updateProfile, .erase, .setConsent, .publish, .withdraw, .commitCursor, .forgetGroup: .write
        case .sendBeacons, .explain, .listContent, .popular, .contentStats, .listGroups: .prefetch
        }
    }
}
