// Who has a place at a listener, and who gives one up when all are taken. Pure: connections are numbers here.

import ClusterModel
import NodeEnvironment

/// The places of one listener. Whoever has not introduced himself (a TLS handshake, then HTTP/2's settings) holds a place only as
/// long as nobody else wants it: when all are taken the oldest such connection goes, of the address that has the most of them.
/// Whoever has introduced himself is never asked to go; so many of them are taken as configured, and `waiting` places more are
/// kept for those who come. Guests, whom the handler will refuse at every call, share a few places of their own. A value.
struct ConnectionPlaces {
    /// Connections of guests at once: enough to tell each why it is refused.
    static let maxGuests = 16

    /// Connections that were told to go and are not gone yet: at least so many beyond all places.
    static let leastLeaving = 8

    enum Entry: Hashable {
        case admitted
        /// Admitted once this one, which gives up its place, is told to go.
        case instead(of: UInt64)
        case refused
    }

    enum Settlement: Hashable {
        case settled
        /// A guest who came earlier goes.
        case insteadOfGuest(UInt64)
        case refused
    }

    private enum Standing: Hashable {
        case waiting(source: String)
        /// It was told to go.
        case leaving
        case guest
        case settled(payer: String?)
    }

    /// Connections that have introduced themselves.
    let limit: Int
    private let total: Int
    private var standings: [UInt64: Standing] = [:]
    private var shares: CallerShares
    private(set) var settled = 0
    private(set) var waiting = 0

    /// `waiting`: places beyond `limit`. `share`: of `limit`, for one payer.
    init(limit: Int, waiting: Int, share: Int) {
        self.limit = limit
        total = limit.adding(clamping: waiting)
        shares = CallerShares(limit: share)
    }

    /// All connections, whatever they are.
    var count: Int { standings.count }

    /// Whether connections that have not introduced themselves make room for others, or hold half of the limit.
    var isContended: Bool { waiting > 0 && (count >= total || waiting >= max(1, limit / 2)) }

    /// A connection from `source`, an address. Complexity: O(connections) where all places are taken, else O(1).
    mutating func enter(_ number: UInt64, from source: String) -> Entry {
        var entry = Entry.admitted
        if count >= total {
            // So many are on their way out that the next ones wait for them: descriptors are bounded.
            guard count < total.adding(clamping: max(Self.leastLeaving, total - limit)), let evicted = oldestWaiting
            else {
                return .refused
            }
            leave(evicted)
            entry = .instead(of: evicted)
        }
        standings[number] = .waiting(source: source)
        waiting += 1
        return entry
    }

    /// A connection has introduced itself. `payer`: nil for one that no share bounds.
    mutating func settle(_ number: UInt64, as standing: ConnectionStanding, payer: String) -> Settlement {
        guard case .waiting = standings[number] else { return .refused }
        guard standing != .guest else { return settleGuest(number) }
        let payer = standing == .peer ? nil : payer
        guard settled < limit, payer.map({ shares.take($0) }) != false else {
            leave(number)
            return .refused
        }
        waiting -= 1
        settled += 1
        standings[number] = .settled(payer: payer)
        return .settled
    }

    private mutating func settleGuest(_ number: UInt64) -> Settlement {
        waiting -= 1
        standings[number] = .guest
        let guests = standings.filter { $0.value == .guest }.keys
        guard guests.count > Self.maxGuests, let oldest = guests.min() else { return .settled }
        leave(oldest)
        return .insteadOfGuest(oldest)
    }

    /// The connection is gone.
    mutating func remove(_ number: UInt64) {
        leave(number)
        standings[number] = nil
    }

    private mutating func leave(_ number: UInt64) {
        switch standings[number] {
        case .waiting: waiting -= 1
        case .settled(let payer):
            settled -= 1
            if let payer { shares.giveBack(payer) }
        case .guest, .leaving, nil: break
        }
        standings[number] = .leaving
    }

    /// Numbers grow with age.
    private var oldestWaiting: UInt64? {
        var crowds: [String: (count: Int, oldest: UInt64)] = [:]
        for (number, standing) in standings {
            guard case .waiting(let source) = standing else { continue }
            let known = crowds[source] ?? (0, number)
            crowds[source] = (known.count + 1, min(known.oldest, number))
        }
        return crowds.values.max { ($0.count, $1.oldest) < ($1.count, $0.oldest) }?.oldest
    }
}
