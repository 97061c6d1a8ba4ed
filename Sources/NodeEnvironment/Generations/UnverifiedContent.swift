// What a verifier of replaced files throws where the format has no error of its own.

/// The bytes are not what they should be.
package struct UnverifiedContent: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
