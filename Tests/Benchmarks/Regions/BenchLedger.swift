// What clients were told, event by event: in the end every region must count exactly that (S5).

import MeridianClient
import MeridianProtocol
import Synchronization

/// Events by the content that they name. Thread-safe.
final class BenchLedger: Sendable {
    /// As many as one question for figures may name.
    static let contents = 512

    private struct State: Sendable {
        var acknowledged = [UInt64](repeating: 0, count: BenchLedger.contents)
        /// Nobody was told what became of them: they may stand.
        var unknown = [UInt64](repeating: 0, count: BenchLedger.contents)
        var lastFailure: String?
    }

    private let state = Mutex(State())

    static func contentID(_ number: Int) -> String { "content-\(number)" }

    func onAcknowledged(_ content: Int) { state.withLock { $0.acknowledged[content] += 1 } }

    func onUnknown(_ content: Int, _ reason: String) {
        state.withLock { state in
            state.unknown[content] += 1
            state.lastFailure = reason
        }
    }

    var acknowledged: UInt64 { state.withLock { $0.acknowledged.reduce(0, +) } }
    var unknown: UInt64 { state.withLock { $0.unknown.reduce(0, +) } }
    /// Why the last of the unknown ones is unknown.
    var lastFailure: String? { state.withLock { $0.lastFailure } }

    /// What a region counts beside what it should. Throws where it does not answer.
    func audit(_ client: MeridianClient) async throws -> LedgerAudit {
        var request = Meridian_V1_ContentStatsRequest()
        request.contentIds = (0..<Self.contents).map(Self.contentID)
        let reply = try await client.call(.contentStats, request, options: CallOptions(timeout: .seconds(30)))
        let (acknowledged, unknown) = state.withLock { ($0.acknowledged, $0.unknown) }
        var audit = LedgerAudit()
        for (content, item) in reply.items.enumerated() where content < Self.contents {
            audit.counted += item.clicks
            let least = acknowledged[content]
            let most = least + unknown[content]
            audit.missing += least > item.clicks ? least - item.clicks : 0
            audit.twice += item.clicks > most ? item.clicks - most : 0
        }
        if reply.items.count != Self.contents { audit.missing = max(1, audit.missing) }
        return audit
    }
}

/// One region's figures beside the ledger's.
struct LedgerAudit: Sendable {
    var counted: UInt64 = 0
    /// Acknowledged and not counted; and counted beyond what was sent.
    var missing: UInt64 = 0
    var twice: UInt64 = 0

    var holds: Bool { missing == 0 && twice == 0 }
}
