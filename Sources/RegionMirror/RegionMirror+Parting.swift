// The end of a process that speaks for its region, told to the others (S1).

package import ClusterModel
import EventLog
import NodeEnvironment

extension RegionMirror {
    /// Gives the claim of this process back in every region that was heard until now, so that the next start need not wait until it
    /// is known to be over. Once nothing pulls and reports any more. All are told at once; one that does not answer within
    /// `MirrorCore.greetingTimeout` finds out by itself.
    package func part(_ incarnation: Incarnation) async {
        // The links themselves have ended by now.
        let stallTimeout = core.settings.stallTimeout
        let endpoints = Dictionary(
            uniqueKeysWithValues: core.links().compactMap { link in
                link.sinceHeard.map { $0 <= stallTimeout } == true ? link.endpoint.map { (link.region, $0) } : nil
            })
        await withTaskGroup(of: Void.self) { group in
            for peer in core.settings.peers {
                // The one that answered last.
                guard let endpoint = peer.endpoints.first(where: { "\($0)" == endpoints[peer.region] }) else {
                    continue
                }
                group.addTask { [core] in
                    // Whoever is not reached waits for the grace, as for a process that died.
                    guard
                        let channel = try? core.environment.links.channel(
                            to: endpoint, security: core.settings.security(of: [peer]))
                    else { return }
                    _ = try? await core.greet(peer, over: channel, as: incarnation, isParting: true)  // likewise
                    await channel.close()
                }
            }
        }
    }
}
