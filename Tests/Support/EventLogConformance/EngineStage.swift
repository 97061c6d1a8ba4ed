// What the conformance suite needs of an engine besides the contract itself.

package import EventLog
package import NodeEnvironment

/// An engine on a medium that outlives it. One at a time; used from one task.
package protocol EngineStage: AnyObject {
    /// The engine that runs now.
    var engine: any EventLogEngine { get }

    /// Where the suite's observers are called.
    var executor: any NodeExecutor { get }

    /// Bytes that may wait for the medium before `submit` refuses.
    var backlogBytes: Int { get }

    /// While true, nothing that is submitted reaches the medium.
    var holdsFlushes: Bool { get set }

    /// From now on the medium fails every flush.
    func fail()

    /// A new engine on the same medium, which works again: after a clean stop, or after the process died.
    func restart(afterCleanStop: Bool) async throws

    /// Ends what runs.
    func end() async
}
