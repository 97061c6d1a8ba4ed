// Names of consumers and of what they read.

package import Personalization

/// A typed view of the user-events logs.
package enum EffectTopic: String, Hashable, Sendable, CaseIterable {
    case userEvents = "user-events"
    case interactions
    case profiles
    case consents
    case erasures
    case beacons

    /// Whether a consumer of the topic is told the event.
    package func includes(_ event: UserEvent) -> Bool {
        switch (self, event) {
        case (.userEvents, _), (.interactions, .interaction), (.profiles, .profile), (.consents, .consent),
            (.erasures, .erase), (.beacons, .beacon):
            true
        default: false
        }
    }
}

/// A consumer, and which of its cursors.
package struct StreamGroup: Hashable, Comparable, Sendable {
    package static let maxNameBytes = 64

    package let name: String
    package let topic: EffectTopic

    /// Nil for a name that is not 1 to 64 bytes of ASCII letters, digits, ".", "_" and "-".
    package init?(name: String, topic: EffectTopic) {
        guard (1...Self.maxNameBytes).contains(name.utf8.count), name.utf8.allSatisfy(Self.isNameByte) else {
            return nil
        }
        self.name = name
        self.topic = topic
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    package static func < (lhs: StreamGroup, rhs: StreamGroup) -> Bool {
        (lhs.name, lhs.topic.rawValue) < (rhs.name, rhs.topic.rawValue)
    }
}
