// The contract of `EventLogEngine` as rules that every engine passes (S1, S6, S7, S8, S11). A rule tells what does not
// hold, so that any test target can run it.

/// One rule. `EngineRule.all` is the suite.
package struct EngineRule: Sendable, CustomStringConvertible {
    package let name: String
    private let body: @Sendable (any EngineStage) async throws -> [String]

    init(_ name: String, _ body: @escaping @Sendable (any EngineStage) async throws -> [String]) {
        self.name = name
        self.body = body
    }

    package var description: String { name }

    /// What does not hold on a new, empty `stage`; empty where all does. Ends the stage.
    package func complaints(on stage: any EngineStage) async -> [String] {
        do {
            let found = try await body(stage)
            await stage.end()
            return found
        } catch {
            await stage.end()
            return ["\(error)"]
        }
    }

    package static let all = appending + reading + tailing + ending + producing
}

/// Collects what does not hold.
struct RuleCheck {
    private(set) var complaints: [String] = []

    mutating func expect(_ holds: Bool, _ complaint: @autoclosure () -> String) {
        if !holds { complaints.append(complaint()) }
    }

    mutating func equal<Value: Equatable>(_ found: Value, _ expected: Value, _ what: @autoclosure () -> String) {
        if found != expected { complaints.append("\(what()): \(found), not \(expected)") }
    }
}
