// What two regions' terms do not agree on, and what follows from it (S3). Pure.

/// One difference. Both sides of a link find the same ones.
package struct TermsFinding: Hashable, Sendable {
    /// Stable words: metrics are labelled with them.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case deployment
        case partitions
        /// Neither version of `apply` reads what the other one writes.
        case applyVersionsApart = "apply_versions_apart"
        /// D, F or R: ids would be forgotten while the other still admits them (S5), erases cut elsewhere (S9).
        case timeBounds = "time_bounds"
        /// A number or name that stands for two regions (S2).
        case regionIdentity = "region_identity"
        /// Digests of the two do not compare (S3, S10).
        case applyVersion = "apply_version"
        /// Tokens of one are not opened by the other (S12).
        case tokenKeys = "token_keys"
        /// One lists a region that the other does not.
        case members

        /// Whether it breaks a rule: then the link is refused. Otherwise it alarms.
        package var refuses: Bool {
            switch self {
            case .deployment, .partitions, .applyVersionsApart, .timeBounds, .regionIdentity: true
            case .applyVersion, .tokenKeys, .members: false
            }
        }
    }

    package var kind: Kind
    /// For people: both values, each with its region.
    package var detail: String
    /// The region that only the other side lists.
    package var unlisted: RegionTerms.Member?

    package init(_ kind: Kind, _ detail: String, unlisted: RegionTerms.Member? = nil) {
        self.kind = kind
        self.detail = detail
        self.unlisted = unlisted
    }
}

extension RegionTerms {
    /// All that `theirs` does not agree on with these terms, worst first; `expected` is whom this side believes to speak
    /// with. Complexity: O(members² + keys²) of few.
    package func findings(against theirs: RegionTerms, expected: Member) -> [TermsFinding] {
        let findings =
            constants(theirs) + identities(theirs, expected) + versions(theirs) + keys(theirs) + members(theirs)
        return findings.filter(\.kind.refuses) + findings.filter { !$0.kind.refuses }
    }

    private func constants(_ theirs: RegionTerms) -> [TermsFinding] {
        var findings: [TermsFinding] = []
        func compare(_ kind: TermsFinding.Kind, _ what: String, _ mine: Int, _ other: Int) {
            guard mine != other else { return }
            findings.append(
                TermsFinding(kind, "\(what) \(mine) in region \(region), \(other) in region \(theirs.region)"))
        }
        if deployment != theirs.deployment {
            findings.append(
                TermsFinding(.deployment, "regions \(region) and \(theirs.region) are of different deployments"))
        }
        compare(.partitions, "deployment.partitions", partitions.rawValue, theirs.partitions.rawValue)
        compare(.timeBounds, "clock.max_drift_ms", Int(maxDriftMilliseconds), Int(theirs.maxDriftMilliseconds))
        compare(.timeBounds, "events.id_max_future_ms", Int(maxFutureMilliseconds), Int(theirs.maxFutureMilliseconds))
        compare(.timeBounds, "ms of events.id_max_age_seconds", Int(maxAgeMilliseconds), Int(theirs.maxAgeMilliseconds))
        return findings
    }

    /// Whom each believes to speak with, and a third of whom they say different things.
    private func identities(_ theirs: RegionTerms, _ expected: Member) -> [TermsFinding] {
        var findings: [TermsFinding] = []
        if theirs.region != expected {
            findings.append(
                TermsFinding(
                    .regionIdentity, "region \(region) expects \(expected), and \(theirs.region) speaks"))
        }
        for mine in others + [region] {
            for other in theirs.others + [theirs.region] where other.contradicts(mine) {
                let detail = "\(mine) in the list of region \(region), \(other) in that of region \(theirs.region)"
                if !findings.contains(where: { $0.detail == detail }) {
                    findings.append(TermsFinding(.regionIdentity, detail))
                }
            }
        }
        return findings
    }

    /// Two versions work together where the newer one says so.
    private func versions(_ theirs: RegionTerms) -> [TermsFinding] {
        guard applyVersion != theirs.applyVersion else { return [] }
        let (older, newer) = applyVersion < theirs.applyVersion ? (self, theirs) : (theirs, self)
        let isApart = newer.oldestApplyVersion > older.applyVersion
        return [
            TermsFinding(
                isApart ? .applyVersionsApart : .applyVersion,
                "apply version \(applyVersion) in region \(region), \(theirs.applyVersion) in region \(theirs.region)")
        ]
    }

    private func keys(_ theirs: RegionTerms) -> [TermsFinding] {
        func missing(_ keys: [TokenKeyFingerprint], in others: [TokenKeyFingerprint], _ owner: Member, _ other: Member)
            -> [TermsFinding]
        {
            keys.filter { !others.contains($0) }.map { key in
                let has = others.contains { $0.id == key.id } ? "has another secret" : "is missing"
                let signs = key == keys.last ? ", which is to sign in region \(owner)," : " of region \(owner)"
                return TermsFinding(.tokenKeys, "token key \(key.id)\(signs) \(has) in region \(other)")
            }
        }
        return missing(tokenKeys, in: theirs.tokenKeys, region, theirs.region)
            + missing(theirs.tokenKeys, in: tokenKeys, theirs.region, region)
    }

    private func members(_ theirs: RegionTerms) -> [TermsFinding] {
        let (mine, others) = (Set(others + [region]), Set(theirs.others + [theirs.region]))
        func isNew(_ member: Member, to known: Set<Member>) -> Bool {
            !known.contains(member) && !known.contains { $0.contradicts(member) }
        }
        let here = mine.filter { isNew($0, to: others) }.sorted { $0.number < $1.number }
        let there = others.filter { isNew($0, to: mine) }.sorted { $0.number < $1.number }
        return here.map {
            TermsFinding(.members, "region \(theirs.region) does not list \($0), as region \(region) does")
        }
            + there.map {
                TermsFinding(
                    .members, "region \(region) does not list \($0), as region \(theirs.region) does", unlisted: $0)
            }
    }
}

extension RegionTerms.Member {
    /// The same number under another name, or the other way round.
    fileprivate func contradicts(_ other: Self) -> Bool {
        self != other && (number == other.number || name == other.name)
    }
}
