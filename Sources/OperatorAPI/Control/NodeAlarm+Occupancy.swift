// States that have come to half of a bound: the time to look, while nobody is refused yet. Pure.

import ClusterModel
import Personalization

extension NodeAlarm {
    /// Complexity: O(partitions).
    static func filling(_ occupancy: StateOccupancy) -> [NodeAlarm] {
        let rows: [NodeAlarm?] = [
            users(occupancy.shards, "users", \.users, of: \.maxUsers, "new users are refused at all of them"),
            users(
                occupancy.shards, "rows that hold only markers", \.markerRows, of: \.maxMarkerRows,
                "erasures of users of whom nothing is known are refused at all of them"),
        ]
        return rows.compactMap(\.self) + filling(occupancy.catalogue)
    }

    /// Bounds are a partition's: the fullest is named, with how many are as full.
    private static func users(
        _ shards: [ShardOccupancy], _ what: String, _ used: KeyPath<ShardOccupancy, Int>,
        of bound: KeyPath<ShardOccupancy, Int>, _ consequence: String
    ) -> NodeAlarm? {
        let filling = shards.filter { isHalf($0[keyPath: used], of: $0[keyPath: bound]) }
        guard let fullest = filling.max(by: { $0[keyPath: used] < $1[keyPath: used] }) else { return nil }
        let others = filling.count > 1 ? ", \(filling.count - 1) others are above half too" : ""
        return NodeAlarm(
            name: .usersFilling,
            detail: "partition \(fullest.partition.rawValue) has \(fullest[keyPath: used]) \(what) of "
                + "\(fullest[keyPath: bound])\(others): \(consequence)")
    }

    private static func filling(_ catalogue: CatalogueOccupancy) -> [NodeAlarm] {
        var alarms: [NodeAlarm] = []
        if isHalf(catalogue.items, of: catalogue.limit) {
            alarms.append(
                NodeAlarm(
                    name: .catalogueFilling,
                    detail: "\(catalogue.items) items of the \(catalogue.limit) of limits.contents; "
                        + "\(catalogue.expired) of them are expired and stay until they are withdrawn"))
        }
        if isHalf(catalogue.tombstones, of: catalogue.limit) {
            alarms.append(
                NodeAlarm(
                    name: .catalogueFilling,
                    detail: "\(catalogue.tombstones) withdrawn ids are remembered; beyond \(catalogue.limit) those "
                        + "that are not in the catalogue are refused"))
        }
        return alarms
    }

    private static func isHalf(_ used: Int, of bound: Int) -> Bool { bound > 0 && used >= max(1, bound / 2) }
}
