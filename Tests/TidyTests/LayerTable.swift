// Who may import whom. A new edge is a decision: it is made here first, downwards only.

/// Layer of each target of ours, and the targets of ours that it may import.
enum LayerTable {
    static let layers: [String: Int] = [
        "CChecksum": 0, "CKernelClock": 0, "CLZ4": 0, "COpenSSL": 0,
        "ClusterModel": 1, "MergeableState": 1, "GRPCFraming": 1, "MeridianProtocol": 1,
        "NodeEnvironment": 2, "EventLog": 2,
        "SegmentLog": 3, "HostEnvironment": 3,
        "Personalization": 5,
        "MeridianNode": 7, "Datasets": 7, "OperatorCommands": 7,
        "meridian": 8,
    ]

    static let edges: [String: Set<String>] = [
        "ClusterModel": ["CChecksum", "COpenSSL"],
        "MergeableState": ["ClusterModel"],
        "GRPCFraming": [],
        "MeridianProtocol": [],
        "NodeEnvironment": ["ClusterModel", "GRPCFraming"],
        "EventLog": ["CLZ4", "ClusterModel", "NodeEnvironment"],
        "SegmentLog": ["ClusterModel", "EventLog", "NodeEnvironment"],
        "HostEnvironment": ["CKernelClock", "ClusterModel", "NodeEnvironment"],
        "Personalization": ["ClusterModel", "EventLog"],
        "MeridianNode": ["ClusterModel", "NodeEnvironment"],
        "Datasets": ["ClusterModel", "NodeEnvironment"],
        "OperatorCommands": [
            "COpenSSL", "ClusterModel", "Datasets", "EventLog", "HostEnvironment", "NodeEnvironment", "SegmentLog",
        ],
        "meridian": ["OperatorCommands"],
    ]
}
