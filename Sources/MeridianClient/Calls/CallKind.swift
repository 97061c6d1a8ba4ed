// What a method does, as far as failing over depends on it.

/// How a call may be sent.
package struct CallKind: Hashable, Sendable {
    /// Changes something; the other calls may be asked twice at once.
    package var isWrite: Bool
    /// Waits for other regions, or works on much: a healthy region may take its time, so that time alone says nothing.
    package var isPatient = false
    /// Speaks to one region's nodes and means those: never sent to another region unasked.
    package var isLocal = false

    package static let read = CallKind(isWrite: false)
    package static let write = CallKind(isWrite: true)
    /// A write of up to 512 items, or one that other regions must have flushed.
    package static let patientWrite = CallKind(isWrite: true, isPatient: true)
    /// An operator's question or order.
    package static let operation = CallKind(isWrite: true, isPatient: true, isLocal: true)
}
