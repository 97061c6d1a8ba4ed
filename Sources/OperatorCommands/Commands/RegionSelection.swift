// How a command about a region finds a node of it.

package import ArgumentParser
import MeridianClient
import MeridianProtocol
import NodeEnvironment

/// Which region is meant: the one that the endpoint serves, checked against a name where one is given.
package struct RegionSelection: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The region's name: --endpoint may then name nodes of several regions, separated by commas, and the one of "
                + "that region is taken.", valueName: "name"))
    package var name: String?
    @OptionGroup package var connection: ConnectionOptions

    package init() {}

    /// The endpoints to try, each on its own.
    func candidates() throws(OperatorFailure) -> [ConnectionOptions] {
        let endpoints = connection.endpoint.split(separator: ",").map(String.init)
        guard name != nil || endpoints.count == 1 else {
            throw OperatorFailure(
                .usage, "--endpoint names more than one node, and no region is named",
                nextStep: "give the region's name, or one endpoint")
        }
        return endpoints.map { endpoint in
            var one = connection
            one.endpoint = endpoint
            return one
        }
    }

    /// Runs `body` with a client of the region that is meant.
    func withRegion(
        _ body: (MeridianClient, NodeEnvironment) async throws -> Void
    ) async throws {
        let options = try connection.callOptions()
        var others: [String] = []
        for candidate in try candidates() {
            var isMeant = name == nil
            do {
                try await HostRuntime.withClient(candidate) { client, environment in
                    if let name {
                        let found = try await StatusCommand.ask(client, options).regionName
                        isMeant = found == name
                        guard isMeant else { return others.append("\(candidate.endpoint) is of \(found)") }
                    }
                    try await body(client, environment)
                }
            } catch let failure as OperatorFailure where !isMeant && failure.status == .unreachable {
                others.append("\(candidate.endpoint) does not answer")
            }
            if isMeant { return }
        }
        throw Self.notFound(name ?? "", others)
    }

    /// A node that does not answer may be the one.
    static func notFound(_ name: String, _ others: [String]) -> OperatorFailure {
        let mayBeSilent = others.contains { $0.hasSuffix("does not answer") }
        return OperatorFailure(
            mayBeSilent ? .unreachable : .usage,
            "no endpoint is of region \(name): \(others.joined(separator: ", "))",
            nextStep: "give --endpoint of a node of that region")
    }
}
