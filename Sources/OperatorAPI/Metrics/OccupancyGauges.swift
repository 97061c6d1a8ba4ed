// How full the states are as gauges: read when somebody scrapes.

import ClusterModel
import Metrics
import Personalization

/// `meridian_catalogue_…` and `meridian_user_…`. A node that does not serve yet shows none.
struct OccupancyGauges: Sendable {
    private let factory: any MetricsFactory

    init(factory: any MetricsFactory) { self.factory = factory }

    /// Call at each scrape. Never blocks.
    func collect(_ occupancy: StateOccupancy) {
        guard !occupancy.shards.isEmpty else { return }
        let catalogue = occupancy.catalogue
        gauge("meridian_catalogue_items", catalogue.items)
        gauge("meridian_catalogue_expired_items", catalogue.expired)
        gauge("meridian_catalogue_tombstones", catalogue.tombstones)
        gauge("meridian_catalogue_limit", catalogue.limit)
        collect(occupancy.shards)
    }

    private func collect(_ shards: [ShardOccupancy]) {
        func total(_ value: KeyPath<ShardOccupancy, Int>) -> Int {
            shards.reduce(0) { $0.adding(clamping: $1[keyPath: value]) }
        }
        gauge("meridian_user_rows", total(\.users))
        gauge("meridian_user_rows_limit", total(\.maxUsers))
        gauge("meridian_user_marker_rows", total(\.markerRows))
        gauge("meridian_user_marker_rows_limit", total(\.maxMarkerRows))
    }

    private func gauge(_ name: String, _ value: Int) { Meter(label: name, factory: factory).set(value) }
}
