// Why a command did not succeed, and the exit code that says so.

/// The command's outcome as the shell sees it (INTERFACES, "Commands"). The numbers are binding.
package enum ExitStatus: Int32, Hashable, Sendable {
    case success = 0
    /// What was checked does not hold.
    case doesNotHold = 1
    case usage = 2
    case unreachable = 3
    case refused = 4
    /// The machine was saturated: nothing was shown either way.
    case inconclusive = 5
}

/// A failure for people: what went wrong and what to do next.
package struct OperatorFailure: Error, Hashable, CustomStringConvertible {
    package var status: ExitStatus
    package var message: String
    /// A command or an action; empty when there is none to give.
    package var nextStep: String
    /// A stable word for what it was, such as a server's reason; empty when there is none. For counting.
    package var reason = ""

    package init(_ status: ExitStatus, _ message: String, nextStep: String = "") {
        self.status = status
        self.message = message
        self.nextStep = nextStep
    }

    package var description: String { nextStep.isEmpty ? message : "\(message)\n  next: \(nextStep)" }
}
