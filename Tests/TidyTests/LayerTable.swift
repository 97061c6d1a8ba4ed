// Who may import whom. A new edge is a decision: it is made here first, downwards only.

/// Layer of each target of ours, and the targets of ours that it may import.
enum LayerTable {
    static let layers: [String: Int] = [
        "CChecksum": 0, "CKernelClock": 0, "CLZ4": 0, "CNghttp2": 0, "COpenSSL": 0, "CZlib": 0,
        "ClusterModel": 1, "MergeableState": 1, "GRPCFraming": 1, "HTTP2Engine": 1, "MeridianProtocol": 1,
        "NodeEnvironment": 2, "EventLog": 2,
        "SegmentLog": 3, "HostEnvironment": 3, "RPCTransport": 3,
        "ActorCluster": 4, "RegionMirror": 4,
        "Personalization": 5,
        "ServingAPI": 6, "OperatorAPI": 6, "MeridianClient": 6,
        "MeridianNode": 7, "Datasets": 7, "OperatorCommands": 7,
        "meridian": 8, "meridiand": 8,
    ]

    static let edges: [String: Set<String>] = [
        "ClusterModel": ["CChecksum", "COpenSSL"],
        "MergeableState": ["ClusterModel"],
        "GRPCFraming": ["CZlib"],
        "HTTP2Engine": ["CNghttp2", "COpenSSL"],
        "MeridianProtocol": [],
        "NodeEnvironment": ["ClusterModel", "GRPCFraming"],
        "EventLog": ["CLZ4", "ClusterModel", "NodeEnvironment"],
        "SegmentLog": ["ClusterModel", "EventLog", "NodeEnvironment"],
        "HostEnvironment": ["CKernelClock", "ClusterModel", "NodeEnvironment"],
        "RPCTransport": ["ClusterModel", "GRPCFraming", "HTTP2Engine", "HostEnvironment", "NodeEnvironment"],
        "ActorCluster": ["ClusterModel", "GRPCFraming", "NodeEnvironment"],
        "RegionMirror": ["ClusterModel", "EventLog", "GRPCFraming", "NodeEnvironment"],
        "Personalization": ["ActorCluster", "ClusterModel", "EventLog", "MergeableState", "NodeEnvironment"],
        "ServingAPI": [
            "ClusterModel", "EventLog", "GRPCFraming", "MergeableState", "MeridianProtocol", "NodeEnvironment",
            "Personalization",
        ],
        "OperatorAPI": [
            "ClusterModel", "EventLog", "GRPCFraming", "MergeableState", "MeridianProtocol", "NodeEnvironment",
            "Personalization", "ServingAPI",
        ],
        "MeridianClient": ["ClusterModel", "GRPCFraming", "MeridianProtocol", "NodeEnvironment"],
        "MeridianNode": [
            "ActorCluster", "ClusterModel", "EventLog", "GRPCFraming", "MergeableState", "NodeEnvironment",
            "OperatorAPI", "Personalization", "RegionMirror", "SegmentLog", "ServingAPI",
        ],
        "Datasets": ["ClusterModel", "NodeEnvironment"],
        "OperatorCommands": [
            "COpenSSL", "ClusterModel", "Datasets", "EventLog", "GRPCFraming", "HostEnvironment", "MergeableState",
            "MeridianClient", "MeridianNode", "MeridianProtocol", "NodeEnvironment", "Personalization", "RPCTransport",
            "RegionMirror", "SegmentLog",
        ],
        "meridian": ["OperatorCommands"],
        "meridiand": ["HostEnvironment", "MeridianNode", "NodeEnvironment", "RPCTransport"],
    ]
}
