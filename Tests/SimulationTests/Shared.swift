// A value that a script sets and the checks after it read.

import Synchronization

final class Shared<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)

    @discardableResult
    func set(_ value: Value) -> Value {
        stored.withLock { $0 = value }
        return value
    }

    var value: Value? { stored.withLock { $0 } }
}
