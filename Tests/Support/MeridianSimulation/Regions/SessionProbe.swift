// After convergence, every region is asked about every place that an acknowledgement named: exactly the lost ones are
// answered LOST_TAIL (S12).

import ClusterModel
import FoundationEssentials
import MeridianClient
import MeridianProtocol

struct SessionProbe: Sendable {
    let deployment: RegionDeployment
    let clients: [MeridianClient]
    let ledger: RegionLedger
    let judge: DiskJudge

    /// More places than this, besides the lost ones, are not asked about.
    private static let maxKept = 24

    func run() async {
        let surveys = deployment.regions.indices.map { judge.survey($0) }
        let ends = EndsBook(surveys)
        let audit = RegionAudit(deployment: deployment, ledger: ledger, judge: judge)
        var kept = 0
        for entry in ledger.entries {
            for place in entry.places {
                let isLost = audit.isLost(place, surveys, ends)
                if !isLost {
                    kept += 1
                    // Every few of them, over the whole run.
                    guard kept % 9 == 1, kept < 9 * Self.maxKept else { continue }
                }
                for region in clients.indices { await ask(region, about: place, isLost: isLost, of: entry.user) }
            }
        }
    }

    private func ask(_ region: Int, about place: EventPlace, isLost: Bool, of user: String) async {
        var request = Meridian_V1_NextContentRequest()
        request.userID = user
        request.count = 1
        request.requestID = 1
        guard let token = token(naming: place) else { return }
        request.sessionToken = token
        do throws(MeridianClientError) {
            let reply = try await clients[region].call(
                .nextContent, request, options: CallOptions(timeout: .seconds(5)))
            let isMet = reply.hasSessionSatisfied && reply.sessionSatisfied
            if reply.lostTail != isLost || (!isLost && !isMet) {
                ledger.violated(
                    "S12",
                    "region \(region + 1) on \([place].short), which is \(isLost ? "lost" : "there"): "
                        + "lost_tail \(reply.lostTail), satisfied \(isMet)")
            }
            if isLost { ledger.saw(.lostTailProbed) }
        } catch {
            ledger.violated("S12", "region \(region + 1) does not answer on \([place].short): \(error)")
        }
    }

    private func token(naming place: EventPlace) -> Data? {
        let token = SessionToken(
            deployment: SessionToken.deploymentHash(of: RegionDeployment.deploymentID), topic: .userEvents,
            partition: place.partition,
            entries: [
                SessionToken.Entry(
                    region: place.region, incarnation: place.incarnation, next: place.offset.advanced(by: 1))
            ])
        // One entry always fits.
        return (try? token.sealed(with: deployment.keyring)).map { Data($0) }
    }
}
