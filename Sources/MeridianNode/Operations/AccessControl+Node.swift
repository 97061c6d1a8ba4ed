// The access of a node, from its configuration; denials go to its log.

import Logging
import Metrics
import NodeEnvironment
import ServingAPI

extension AccessControl {
    /// Open without TLS, which configuration allows on loopback only.
    convenience init(
        _ configuration: NodeConfiguration, clock: any NodeClock, metrics: any MetricsFactory, logger: Logger
    ) {
        self.init(
            configuration.tls == nil ? nil : configuration.access, deploymentID: configuration.deployment.id,
            clock: clock, metrics: metrics
        ) { denial in
            var metadata: Logger.Metadata = [
                "identity": "\(denial.identity)", "method": "\(denial.method)", "needs": "\(denial.need)",
                "has": "\(denial.has)",
            ]
            if denial.untold > 0 { metadata["others_not_told"] = "\(denial.untold)" }
            logger.warning("call refused by the access rules", metadata: metadata)
        }
        for warning in configuration.warnings { logger.warning("\(warning)") }
    }
}
