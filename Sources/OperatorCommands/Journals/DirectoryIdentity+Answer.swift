// Whose a data directory is, as offline commands print it.

import ClusterModel
import EventLog

extension DirectoryIdentity {
    /// The key "directory" of an answer.
    var answer: JSONValue {
        .object([
            "deployment": .string(deployment), "region": .count(region.rawValue), "region_name": .string(regionName),
            "partitions": .count(partitions.rawValue),
        ])
    }

    /// For people.
    var line: String {
        "deployment \(deployment), region \(regionName) (\(region.rawValue)), \(partitions.rawValue) partitions"
    }
}
