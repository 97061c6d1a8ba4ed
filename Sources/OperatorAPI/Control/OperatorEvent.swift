// What an operator did against the node's advice: kept for whoever asks later.

package import ClusterModel

/// One such act. A value.
package struct OperatorEvent: Hashable, Sendable, CustomStringConvertible {
    package enum Act: UInt8, Hashable, Sendable {
        /// `meridian region evacuate --force`.
        case forcedEvacuation = 1

        package var word: String {
            switch self {
            case .forcedEvacuation: "forced_evacuation"
            }
        }
    }

    package var act: Act
    package var at: WallTime
    /// The identity of the caller's certificate, or its address where there is none.
    package var caller: String
    /// What spoke against it.
    package var reason: String

    package init(_ act: Act, at time: WallTime, caller: String, reason: String) {
        self.act = act
        at = time
        self.caller = caller
        self.reason = reason
    }

    package var description: String { "\(act.word) by \(caller) at \(at.milliseconds) ms: \(reason)" }
}

extension NodeControl {
    /// Nodes that keep none have none.
    package var operatorEvents: [OperatorEvent] { [] }
}
