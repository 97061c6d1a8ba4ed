// swift-tools-version: 6.2
//
// Meridian: the layers, from the bottom up. Imports point down only; the allowed edges stand as an explicit table in
// Tests/TidyTests/LayerTable.swift, which is compared with the imports. A target appears with its first test; the
// finished house is drawn in Sources/ARCHITECTURE.md.
//
//   8  meridiand, meridian                      the executables
//   7  MeridianNode, OperatorCommands, Datasets
//   6  ServingAPI, OperatorAPI, MeridianClient
//   5  Personalization
//   4  ActorCluster, RegionMirror
//   3  SegmentLog, RPCTransport, HostEnvironment
//   2  NodeEnvironment, EventLog
//   1  ClusterModel, MergeableState, HTTP2Engine, GRPCFraming, MeridianProtocol
//   0  CChecksum, CKernelClock, CLZ4, CNghttp2, COpenSSL, CZlib

import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]
let librarySettings: [SwiftSetting] = swiftSettings + [.strictMemorySafety()]

// MARK: External products

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let deques = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: librarySettings)
}

func executable(
    _ name: String, path: String? = nil, exclude: [String] = [], _ dependencies: [Target.Dependency]
) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: swiftSettings)
}

func support(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Tests/Support/\(name)", swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

let package = Package(
    name: "meridian",
    platforms: [.macOS(.v26)],
    products: [
        .executable(name: "meridian", targets: ["meridian"]), .executable(name: "meridiand", targets: ["meridiand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        // MARK: Layer 0: system libraries and C shims
        .target(name: "CChecksum"),
        .target(name: "CKernelClock"),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // MARK: Layer 1: types, formats, wire rules
        library("ClusterModel", ["CChecksum", "COpenSSL"]),
        library("MergeableState", ["ClusterModel"]),
        library("GRPCFraming", ["CZlib", nioCore]),
        library("HTTP2Engine", ["CNghttp2", "COpenSSL", nioCore]),
        .target(
            name: "MeridianProtocol", dependencies: [protobuf, nioCore], exclude: ["proto"],
            swiftSettings: swiftSettings),

        // MARK: Layer 2: the seam and the log contract
        library("NodeEnvironment", ["ClusterModel", "GRPCFraming", nioCore]),
        library("EventLog", ["ClusterModel", "NodeEnvironment", "CLZ4"]),

        // MARK: Layer 3: engines
        library("SegmentLog", ["ClusterModel", "NodeEnvironment", "EventLog", deques]),
        library("HostEnvironment", ["CKernelClock", "ClusterModel", "NodeEnvironment", nioCore, nioPosix]),

        library(
            "RPCTransport",
            [
                "ClusterModel", "NodeEnvironment", "HTTP2Engine", "GRPCFraming", "HostEnvironment", nioCore, nioPosix,
                nioHTTP1,
            ]),

        // MARK: Layer 4: actors over many nodes
        library("ActorCluster", ["ClusterModel", "NodeEnvironment", "GRPCFraming", nioCore]),
        library("RegionMirror", ["ClusterModel", "NodeEnvironment", "GRPCFraming", "EventLog", nioCore, logging]),

        // MARK: Layer 5: users and content
        library(
            "Personalization",
            ["ClusterModel", "MergeableState", "NodeEnvironment", "EventLog", "ActorCluster", deques, logging]),

        // MARK: Layer 6: what clients and operators call
        library(
            "ServingAPI",
            [
                "ClusterModel", "MergeableState", "GRPCFraming", "MeridianProtocol", "NodeEnvironment", "EventLog",
                "Personalization", nioCore, protobuf, metrics,
            ]),
        library(
            "OperatorAPI",
            [
                "ClusterModel", "MergeableState", "GRPCFraming", "MeridianProtocol", "NodeEnvironment", "EventLog",
                "Personalization", "ServingAPI", nioCore, protobuf, metrics,
            ]),
        library(
            "MeridianClient",
            ["ClusterModel", "GRPCFraming", "MeridianProtocol", "NodeEnvironment", nioCore, protobuf]),

        // MARK: Layer 7: one node; what the CLI does
        library(
            "MeridianNode",
            [
                "ClusterModel", "MergeableState", "GRPCFraming", "NodeEnvironment", "EventLog", "SegmentLog",
                "ActorCluster", "RegionMirror", "Personalization", "ServingAPI", "OperatorAPI", yams, logging, metrics,
                lifecycle,
            ]),
        library("Datasets", ["ClusterModel", "NodeEnvironment"]),
        library(
            "OperatorCommands",
            [
                "ClusterModel", "MergeableState", "GRPCFraming", "NodeEnvironment", "EventLog", "SegmentLog",
                "HostEnvironment", "RPCTransport", "RegionMirror", "Personalization", "MeridianProtocol",
                "MeridianClient",
                "MeridianNode", "Datasets", "COpenSSL", arguments, nioCore, nioPosix,
            ]),

        // MARK: Layer 8: entry points
        executable("meridian", ["OperatorCommands", arguments]),
        executable(
            "meridiand",
            ["MeridianNode", "HostEnvironment", "RPCTransport", "NodeEnvironment", arguments, logging, lifecycle]),

        // MARK: Test support
        .target(name: "CAllocator", path: "Tests/Support/CAllocator"),
        support(
            "SimulatedEnvironment", ["ClusterModel", "NodeEnvironment", "GRPCFraming", nioCore]),
        support(
            "MeridianSimulation",
            [
                "ClusterModel", "MergeableState", "NodeEnvironment", "EventLog", "SegmentLog", "RegionMirror",
                "Personalization", "MeridianNode", "MeridianClient", "MeridianProtocol", "SimulatedEnvironment",
                logging,
            ]),

        support("EventLogConformance", ["ClusterModel", "NodeEnvironment", "EventLog"]),

        support("PrometheusPage", []),

        support("TransportFuzzing", ["GRPCFraming", "HTTP2Engine", nioCore]),
        support(
            "ExtremesFuzzing",
            [
                "ClusterModel", "MergeableState", "GRPCFraming", "MeridianProtocol", "NodeEnvironment", "EventLog",
                "SegmentLog", "ActorCluster", "RegionMirror", "Personalization", "ServingAPI", "OperatorAPI",
                "MeridianNode", "SimulatedEnvironment", "TransportFuzzing", logging, nioCore, protobuf, metrics,
            ]),

        // MARK: Benchmarks, fuzzing and simulation
        executable(
            "meridian-bench", path: "Tests/Benchmarks",
            [
                "ClusterModel", "NodeEnvironment", "HostEnvironment", "RPCTransport", "MeridianNode", "MeridianClient",
                "MeridianProtocol", "Personalization", "Datasets", "OperatorCommands", "GRPCFraming", "HTTP2Engine",
                "EventLog", "SegmentLog", "RegionMirror", "SimulatedEnvironment", arguments, deques, logging, nioCore,
                nioPosix,
                protobuf,
            ]),
        executable(
            "journal-load", path: "Tests/JournalLoad",
            ["ClusterModel", "NodeEnvironment", "HostEnvironment", "EventLog", "SegmentLog", "SimulatedEnvironment"]),
        executable(
            "grpc-interop", path: "Tests/Interop", exclude: ["proto"],
            [
                "ClusterModel", "NodeEnvironment", "HostEnvironment", "RPCTransport", "GRPCFraming", arguments, nioCore,
                protobuf,
            ]),
        .executableTarget(
            name: "meridian-fuzz",
            dependencies: [
                "TransportFuzzing", "ExtremesFuzzing", "ClusterModel", "NodeEnvironment", "HostEnvironment",
                "OperatorCommands", arguments,
            ],
            path: "Tests/Fuzz", exclude: ["Corpus"], swiftSettings: swiftSettings),
        executable(
            "simulate", path: "Tests/Simulate",
            [
                "CAllocator", "ClusterModel", "NodeEnvironment", "SimulatedEnvironment", "MeridianSimulation",
                "OperatorCommands",
                arguments,
            ]),

        // MARK: Tests, a target a source target
        tests("ClusterModelTests", ["ClusterModel"]),
        tests("MergeableStateTests", ["ClusterModel", "MergeableState", "NodeEnvironment"]),
        tests("MeridianProtocolTests", ["MeridianProtocol", nioCore, protobuf]),
        tests(
            "NodeEnvironmentTests",
            ["ClusterModel", "GRPCFraming", "NodeEnvironment", "SimulatedEnvironment", nioCore]),
        tests("EventLogTests", ["ClusterModel", "NodeEnvironment", "EventLog", "SimulatedEnvironment"]),
        tests(
            "SegmentLogTests",
            [
                "ClusterModel", "NodeEnvironment", "EventLog", "SegmentLog", "HostEnvironment", "SimulatedEnvironment",
                "EventLogConformance", "journal-load",
            ]),
        tests(
            "HostEnvironmentTests",
            [
                "ClusterModel", "NodeEnvironment", "EventLog", "SegmentLog", "HostEnvironment", "SimulatedEnvironment",
            ]),
        tests("GRPCFramingTests", ["GRPCFraming", nioCore]),
        tests("HTTP2EngineTests", ["HTTP2Engine", nioCore]),
        .testTarget(
            name: "RPCTransportTests",
            dependencies: [
                "ClusterModel", "NodeEnvironment", "GRPCFraming", "HTTP2Engine", "HostEnvironment", "RPCTransport",
                "TransportFuzzing", "OperatorCommands", "grpc-interop", nioCore, nioPosix,
            ], exclude: ["Python"], swiftSettings: swiftSettings),
        tests(
            "ActorClusterTests",
            ["ClusterModel", "NodeEnvironment", "ActorCluster", "GRPCFraming", "SimulatedEnvironment", nioCore]),
        tests(
            "RegionMirrorTests",
            [
                "ClusterModel", "NodeEnvironment", "GRPCFraming", "EventLog", "SegmentLog", "RegionMirror",
                "SimulatedEnvironment", logging, nioCore,
            ]),
        tests(
            "PersonalizationTests",
            [
                "ClusterModel", "MergeableState", "EventLog", "NodeEnvironment", "Personalization", "ActorCluster",
                "EventLogConformance", "SimulatedEnvironment",
            ]),
        tests(
            "ServingAPITests",
            [
                "ClusterModel", "MergeableState", "GRPCFraming", "MeridianProtocol", "NodeEnvironment", "EventLog",
                "EventLogConformance", "Personalization", "ServingAPI", "SimulatedEnvironment", nioCore, protobuf,
                metrics,
            ]),
        tests(
            "OperatorAPITests",
            [
                "ClusterModel", "MergeableState", "GRPCFraming", "MeridianProtocol", "NodeEnvironment", "EventLog",
                "Personalization", "PrometheusPage", "ServingAPI", "OperatorAPI", "SimulatedEnvironment", nioCore,
                protobuf,
                metrics,
            ]),
        tests(
            "MeridianClientTests",
            [
                "ClusterModel", "GRPCFraming", "MeridianProtocol", "NodeEnvironment", "MeridianClient",
                "SimulatedEnvironment", nioCore, protobuf,
            ]),
        tests(
            "MeridianNodeTests",
            [
                "ClusterModel", "GRPCFraming", "NodeEnvironment", "EventLog", "SegmentLog", "ActorCluster",
                "RegionMirror",
                "Personalization", "ServingAPI", "MeridianNode", "OperatorAPI", "SimulatedEnvironment", logging,
                nioCore,
            ]),
        tests(
            "SimulationTests",
            [
                "ClusterModel", "MergeableState", "NodeEnvironment", "EventLog", "SegmentLog", "Personalization",
                "MeridianNode", "MeridianClient", "MeridianProtocol", "SimulatedEnvironment", "MeridianSimulation",
                "GRPCFraming", "ServingAPI", logging, nioCore,
            ]),
        tests(
            "IntegrationTests",
            [
                "ClusterModel", "GRPCFraming", "MeridianProtocol", "NodeEnvironment", "HostEnvironment", "RPCTransport",
                "PrometheusPage", "SegmentLog", "MeridianClient", "OperatorCommands", nioCore,
            ]),
        tests("DatasetsTests", ["ClusterModel", "NodeEnvironment", "HostEnvironment", "Datasets"]),
        tests(
            "OperatorCommandsTests",
            [
                "ClusterModel", "NodeEnvironment", "HostEnvironment", "EventLog", "SegmentLog", "Datasets",
                "OperatorCommands", "SimulatedEnvironment",
            ]),
        tests("TidyTests", []),
    ]
)
