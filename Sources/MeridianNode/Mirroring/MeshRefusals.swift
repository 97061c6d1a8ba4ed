// Callers that the mesh turns away at its door: logged once each.

import ClusterModel
import Logging
import NodeEnvironment
import RegionMirror
import Synchronization

/// A region that lists this one without being listed here calls several times a second, for ever. Thread-safe.
final class MeshRefusals: Sendable {
    private let said = Mutex(RefusalLog())
    private let clock: any NodeClock
    private let logger: Logger

    init(clock: any NodeClock, logger: Logger) {
        self.clock = clock
        self.logger = logger
    }

    /// `caller`: the name in its certificate.
    func onRefused(_ caller: String, _ reason: String) {
        let now = clock.bootTime()
        guard said.withLock({ $0.isNews(caller, reason, at: now) }) else { return }
        logger.warning(
            "a caller on the mesh is refused; see Runbooks/link-refused.md",
            metadata: ["caller": "\(caller)", "reason": "\(reason)"])
    }
}
