// Ends records against one line: what is heard, what is met in a log, and what is applied (S1a).

import ClusterModel
import EventLog

extension OriginLine {
    /// Hears of agreed ends from a peer: facts that take effect at once, on what is applied from now on and on sessions, but
    /// not on the origin's time (S1a). Whether they are news.
    @discardableResult
    mutating func learn(_ heard: EndsChain) -> Bool {
        guard var known = chain else {
            chain = heard
            return true
        }
        let isNews = known.merge(heard)
        chain = known
        return isNews
    }

    /// A record of the line's own log is a fact too, where it stands on what is known. Whether it is known now.
    @discardableResult
    mutating func meet(_ link: EndsLink) -> Bool {
        guard var known = chain else {
            guard link.record.on == base, let first = EndsChain(link) else { return false }
            chain = first
            return true
        }
        let isKnown = known.meet(link)
        chain = known
        return isKnown
    }

    /// S1a: applied only on the base that it stands on, at exactly its ends. From then on they no longer hold up the
    /// origin's time, and one entry stands for the line.
    mutating func agree(_ record: EventRecord, _ incarnation: Incarnation, at offset: Offset) throws(ApplyError) {
        let ends: EndsRecord
        do { ends = try EndsRecord(body: record.body) } catch { throw .malformed("\(error)") }
        guard ends.on.number < incarnation else { throw .malformed("an ends record that stands on a later one") }
        let link = EndsLink(number: incarnation, record: ends)
        // The own writer's: it counts once it is flushed.
        if proposed == link { return }
        guard base != link.point else { return }
        meet(link)
        if isVoid(link) { return }
        try apply(link)
    }

    /// Throws why it cannot be applied now.
    private mutating func apply(_ link: EndsLink) throws(ApplyError) {
        if let obstacle = obstacle(to: link) { throw obstacle }
        base = link.point
        progress.removeAll { $0.incarnation < link.number }
        if let unlinked = untimed, unlinked <= link.number { untimed = nil }
    }

    /// Why a record cannot be applied now; nil when it can.
    func obstacle(to link: EndsLink) -> ApplyError? {
        guard link.record.on == base else { return .held(until: link.record.on.number, reaches: Offset(1)) }
        for older in progress where older.incarnation < link.number {
            let end = link.record.end(of: older.incarnation)
            guard older.next >= end else { return .held(until: older.incarnation, reaches: end) }
            guard older.next == end else {
                return .endDiffers(incarnation: older.incarnation, applied: older.next, agreed: end)
            }
        }
        for listed in link.record.ends where listed.incarnation < link.number && listed.end > .zero {
            guard place(of: listed.incarnation) != nil else {
                return .held(until: listed.incarnation, reaches: listed.end)
            }
        }
        return nil
    }

    /// Whether a record is passed over: the chain goes on without it, or the record that the own writer is about to append
    /// does and leaves it no way to be reached (a tail that is lost everywhere, HISTORIES 26).
    private func isVoid(_ link: EndsLink) -> Bool {
        if let chain, chain.covers(link.number) || chain.root.number == link.number {
            return !chain.contains(link.point)
        }
        guard let proposed, proposed.number > link.number, proposed.record.on.number < link.number else { return false }
        switch obstacle(to: link) {
        case nil: return false
        case .held(let incarnation, let end): return end > proposed.record.end(of: incarnation)
        default: return true
        }
    }

    // MARK: The own writer's record

    /// It is about to be appended; nothing of it is a fact yet.
    mutating func propose(_ link: EndsLink) { proposed = link }

    /// It is flushed, and with it all that it lists (S1a: synced before it is applied). False where it cannot be applied.
    mutating func confirmProposed() -> Bool {
        guard let link = proposed else { return false }
        proposed = nil
        meet(link)
        do throws(ApplyError) { try apply(link) } catch { return false }
        return true
    }

    /// S1b: what lies below the floor leaves; the last of it is kept for old sessions.
    mutating func prune(to floor: EndsPoint) {
        guard base.number >= floor.number, var known = chain else { return }
        let below = known.links.prefix { $0.number < floor.number }
        guard known.prune(to: floor) else { return }
        chain = known
        settled = Array((settled + below).suffix(Self.settledLinks))
    }
}
