// How commands end: the failure on standard error, its exit code for the shell.

import ArgumentParser

/// Turns failures into messages and exit codes.
package enum CommandRunner {
    /// Runs a command's work. Every error becomes one message with the command's name, and an exit code.
    package static func run(_ name: String, _ body: () async throws -> Void) async throws {
        do {
            try await body()
            try Console.checkAnswers()
        } catch let failure as OperatorFailure {
            Console.progress("meridian \(name): \(failure)")
            throw ExitCode(failure.status.rawValue)
        } catch let code as ExitCode {
            throw code
        } catch {
            Console.progress("meridian \(name): \(error)")
            throw ExitCode(ExitStatus.unreachable.rawValue)
        }
    }
}
