// A node's status for people.

package import MeridianProtocol

extension StatusCommand {
    /// `isOpen`: the link is in plaintext, where the node asks nobody for a role.
    package static func summary(_ reply: Meridian_V1_StatusReply, isOpen: Bool = false) -> String {
        var lines = [
            "\(reply.node) of region \(reply.regionName) (\(reply.region)), deployment \(reply.deployment): "
                + "\(reply.state.word), up \(reply.uptimeMs / 1_000) s, version \(reply.version)",
            "\(reply.users) users and \(reply.markerRows) rows of markers only in \(reply.partitions) partitions, "
                + "\(reply.indexedIds) event ids remembered, "
                + "\(reply.unflushedRecords) records wait for the disk, \(reply.callsInFlight) calls under way",
        ]
        if reply.catalogueLimit > 0 {
            lines.append(
                "\(reply.catalogueItems) items of \(reply.catalogueLimit) in the catalogue, "
                    + "\(reply.catalogueTombstones) withdrawn ids remembered")
        }
        if isOpen { lines.append("access is open: without tls every caller on that machine may do everything") }
        if !reply.mirrors.isEmpty {
            lines.append("\(reply.unmirroredEvents) own records are in no other region yet")
        }
        lines += reply.mirrors.map(line)
        if reply.clock.state != .trusted, reply.clock.state != .unspecified {
            lines.append("clock: \(reply.clock.state.word): \(reply.clock.reason)")
        }
        if reply.hasFreshnessP99Ms {
            lines.append(
                "freshness of other regions' records: p50 \(milliseconds(reply.freshnessP50Ms)), "
                    + "p99 \(milliseconds(reply.freshnessP99Ms))")
        }
        if reply.rebuildingPartitions > 0 {
            lines.append("\(reply.rebuildingPartitions) partitions are being folded anew")
        }
        lines += Self.bootstrap(reply.bootstrap)
        if reply.hasPersonalDataSeconds {
            let left =
                reply.hasPersonalDataSecondsLeft ? "; it has to be gone in \(reply.personalDataSecondsLeft) s" : ""
            lines.append("the oldest record in the journal is \(reply.personalDataSeconds) s old\(left)")
        }
        lines += reply.partitionStates.map(line)
        lines += reply.alarms.map { alarm in
            "ALARM \(alarm.name): \(alarm.detail)" + (alarm.runbook.isEmpty ? "" : "; see Runbooks/\(alarm.runbook)")
        }
        lines += reply.operatorEvents.map { event in
            let age = seconds(reply.serverTimeMs - min(reply.serverTimeMs, event.atMs))
            return "\(event.act) by \(event.caller), \(age) ago: \(event.reason)"
        }
        return lines.joined(separator: "\n")
    }

    private static func bootstrap(_ status: Meridian_V1_BootstrapStatus) -> [String] {
        guard status.waiting > 0 else { return [] }
        var line = "bootstrap: \(status.waiting) states wait for a snapshot of another region, \(status.done) are done"
        if !status.current.isEmpty {
            line +=
                "; \(status.current) from region \(status.sourceRegion): \(status.positionBytes) of "
                + "\(status.lengthBytes) bytes"
        }
        return [line]
    }

    private static func line(_ mirror: Meridian_V1_MirrorStatus) -> String {
        var parts = [
            mirror.state.word,
            "lag \(mirror.lagEvents) events, \(seconds(mirror.lagMs))",
        ]
        if mirror.hasLagP99Ms {
            parts.append("mirror lag p50 \(milliseconds(mirror.lagP50Ms)), p99 \(milliseconds(mirror.lagP99Ms))")
        }
        parts.append(mirror.hasLastHeardMs ? "heard \(seconds(mirror.lastHeardMs)) ago" : "never heard")
        if mirror.hasClockOffsetMs { parts.append("clock \(mirror.clockOffsetMs) ms from here") }
        if mirror.hasRoundTripUs { parts.append("round trip \(milliseconds(Double(mirror.roundTripUs) / 1_000))") }
        if !mirror.stopped.isEmpty { parts.append("\(mirror.stopped.count) logs stand still") }
        return "region \(mirror.regionName) (\(mirror.region)): \(parts.joined(separator: "; "))"
    }

    /// `region@incarnation:next`, as refusals write positions.
    private static func line(_ partition: Meridian_V1_PartitionDigest) -> String {
        let vector = partition.vector.map { "\($0.region)@\(String($0.incarnation, radix: 16)):\($0.next)" }
        return "\(partition.partition)\t\(partition.digest)\t\(vector.joined(separator: ","))"
    }

    /// Tenths.
    private static func milliseconds(_ value: Double) -> String { "\((value * 10).rounded() / 10) ms" }

    private static func seconds(_ milliseconds: UInt64) -> String { "\(Double(milliseconds / 100) / 10) s" }
}
