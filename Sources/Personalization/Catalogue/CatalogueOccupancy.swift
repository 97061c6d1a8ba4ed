// How full the catalogue is, against its bounds.

/// What of the catalogue grows, and what the door lets it come to.
package struct CatalogueOccupancy: Hashable, Sendable {
    /// Items that are not withdrawn, expired ones included.
    package var items: Int
    /// Of them those that nobody is served any more.
    package var expired: Int
    /// Ids that were withdrawn and that an older attempt could still bring back.
    package var tombstones: Int
    /// Of `items`, and of `tombstones` of ids that nobody had published here: `limits.contents`. 0 while nothing is known.
    package var limit: Int

    package init(items: Int = 0, expired: Int = 0, tombstones: Int = 0, limit: Int = 0) {
        self.items = items
        self.expired = expired
        self.tombstones = tombstones
        self.limit = limit
    }
}

/// A bound of the catalogue at which the door refuses.
package enum CatalogueBound: Hashable, Sendable {
    /// Items: a withdrawal of any makes room at once.
    case items
    /// Ids that were withdrawn: they leave by themselves (S5).
    case tombstones
}
