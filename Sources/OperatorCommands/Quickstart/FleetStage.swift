// A fleet at work and everything that looks at it: what the quick start and its proof build their stories from.

package import ClusterModel
package import Datasets
package import NodeEnvironment

/// A fleet that serves a published catalogue, its users and its operator.
package struct FleetStage: Sendable {
    package let fleet: RegionFleet
    package let operators: FleetOperator
    package let traffic: FleetTraffic
    package let environment: NodeEnvironment
    package let catalogue: ReplayCatalogue

    /// Starts `regions` regions with their files in `name` of `scratch`, publishes in the first, and ends everything that
    /// it started with `body`, whatever happens.
    package static func with<Value: Sendable>(
        _ name: String, regions: Int, binary: String, source: ReplaySource, scratch: ScratchDirectory,
        environment: NodeEnvironment, _ body: (FleetStage) async throws -> Value
    ) async throws -> Value {
        let directory = try scratch.inner(name)
        let fleet = try RegionFleet(regions: regions, binary: binary, scratch: directory, environment: environment)
        let operators = try FleetOperator(fleet, environment: environment)
        let traffic = try FleetTraffic(fleet, directory: directory.path, environment: environment)
        let stage = FleetStage(
            fleet: fleet, operators: operators, traffic: traffic, environment: environment,
            catalogue: ReplayCatalogue(source, now: environment.clock.wallTime()))
        do {
            try await fleet.start()
            try await ReplayDriver.publish(stage.catalogue.present, to: traffic.service) { _ in }
            let value = try await body(stage)
            await stage.end()
            return value
        } catch {
            await stage.end()
            throw error
        }
    }

    private func end() async {
        await traffic.close()
        await operators.close()
        await fleet.end()
    }

    package func acknowledged() throws(OperatorFailure) -> [Acknowledgement] {
        try AcknowledgementFile.read(traffic.acknowledgementPath, files: environment.files)
    }

    /// Traffic has ended and all regions run: waits until they are equal, stops them, and folds each region's journal from
    /// its first record. `excused` acknowledged events may be missing, in all regions alike.
    package func verdict(
        excused: Set<EventID> = [], say: @Sendable (String) async -> Void
    ) async throws -> DeploymentVerdict {
        let convergence = try await operators.converge()
        try await fleet.stop()
        await say("regions stopped; folding each region's log from the first record")
        var verdict = DeploymentVerdict(try acknowledged(), excused: excused)
        verdict.onLive(convergence)
        for (index, node) in fleet.nodes.enumerated() {
            let fold = try JournalFold(
                directory: node.journalPath, files: environment.files, keepsReference: true)
            verdict.onFold(fold, of: fleet.name(of: index), live: convergence.digests)
        }
        return verdict
    }
}
