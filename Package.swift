// swift-tools-version: 6.2
//
// Meridian: the layers, from the bottom up. Imports point down only; the same edges stand as an explicit table in
// Tests/TidyTests/LayerTable.swift, and a test compares the two.
//
//   8  meridiand, meridian                     entry points
//   7  MeridianNode, OperatorCommands, Datasets
//   6  ServingAPI, OperatorAPI, MeridianClient
//   5  Personalization
//   4  ActorCluster
//   3  SegmentLog, RPCTransport, HostEnvironment
//   2  NodeEnvironment, EventLog
//   1  ClusterModel, MergeableState, GRPCFraming, HTTP2Engine, MeridianProtocol
//   0  CChecksum, CLZ4, CNghttp2, COpenSSL

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
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: librarySettings)
}

func executable(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
}

func support(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Tests/Support/\(name)", swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: swiftSettings)
}

let package = Package(
    name: "meridian",
    platforms: [.macOS(.v26)],
    products: [
        .executable(name: "meridiand", targets: ["meridiand"]),
        .executable(name: "meridian", targets: ["meridian"]),
        .library(name: "MeridianClient", targets: ["MeridianClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        // MARK: Layer 0: system libraries and C shims
        .target(name: "CChecksum"),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

        // MARK: Layer 1: types, formats, wire rules
        library("ClusterModel", ["CChecksum", "COpenSSL"]),
        library("MergeableState", ["ClusterModel"]),
        library("GRPCFraming", [nioCore]),
        library("HTTP2Engine", ["CNghttp2", "COpenSSL", nioCore]),
        .target(
            name: "MeridianProtocol", dependencies: [protobuf, nioCore], exclude: ["proto"],
            swiftSettings: swiftSettings),

        // MARK: Layer 2: the seam and the log contract
        library("NodeEnvironment", ["ClusterModel", "GRPCFraming", nioCore]),
        library("EventLog", ["ClusterModel", "NodeEnvironment", "CLZ4", deque]),

        // MARK: Layer 3: engines
        library("SegmentLog", ["ClusterModel", "NodeEnvironment", "EventLog", deque, logging]),
        library(
            "RPCTransport",
            ["ClusterModel", "NodeEnvironment", "GRPCFraming", "HTTP2Engine", nioCore, nioPosix, deque, logging]),
        library("HostEnvironment", ["ClusterModel", "NodeEnvironment", nioCore, nioPosix]),

        // MARK: Layer 4: actors
        library("ActorCluster", ["ClusterModel", "NodeEnvironment", "GRPCFraming", nioCore]),

        // MARK: Layer 5: users and content
        library(
            "Personalization",
            ["ClusterModel", "MergeableState", "NodeEnvironment", "EventLog", "ActorCluster", deque, logging]),

        // MARK: Layer 6: APIs
        library(
            "ServingAPI",
            [
                "ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", "EventLog", "Personalization",
                nioCore, protobuf, coreMetrics, logging,
            ]),
        library(
            "OperatorAPI",
            [
                "ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", "EventLog", "ActorCluster",
                "Personalization", nioCore, nioPosix, nioHTTP1, protobuf, coreMetrics, logging,
            ]),
        library(
            "MeridianClient",
            ["ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", nioCore, protobuf]),

        // MARK: Layer 7: one node; what the CLI does
        library(
            "MeridianNode",
            [
                "ClusterModel", "GRPCFraming", "NodeEnvironment", "EventLog", "SegmentLog", "ActorCluster",
                "Personalization", "ServingAPI", "OperatorAPI", yams, logging, metrics, coreMetrics, lifecycle,
            ]),
        library("Datasets", ["ClusterModel"]),
        library(
            "OperatorCommands",
            [
                "ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", "EventLog", "SegmentLog",
                "HostEnvironment", "RPCTransport", "MeridianClient", "Datasets", "COpenSSL", arguments, nioCore,
                protobuf, logging,
            ]),

        // MARK: Layer 8: entry points
        executable(
            "meridiand",
            [
                "ClusterModel", "NodeEnvironment", "HostEnvironment", "RPCTransport", "MeridianNode", arguments,
                lifecycle, lifecycleSignals, logging, coreMetrics,
            ]),
        executable("meridian", ["OperatorCommands", arguments]),

        // MARK: Test support
        support(
            "SimulatedEnvironment", ["ClusterModel", "NodeEnvironment", "GRPCFraming", nioCore, deque]),
        support("LogConformance", ["ClusterModel", "NodeEnvironment", "EventLog"]),

        // MARK: Tests, a target a source target
        tests("ClusterModelTests", ["ClusterModel"]),
        tests("MergeableStateTests", ["ClusterModel", "MergeableState", "NodeEnvironment"]),
        tests("GRPCFramingTests", ["GRPCFraming", nioCore]),
        tests("HTTP2EngineTests", ["HTTP2Engine", nioCore]),
        tests("EventLogTests", ["ClusterModel", "NodeEnvironment", "EventLog"]),
        tests(
            "SegmentLogTests",
            ["ClusterModel", "NodeEnvironment", "EventLog", "SegmentLog", "HostEnvironment", "SimulatedEnvironment",
             "LogConformance"]),
        tests(
            "RPCTransportTests",
            ["ClusterModel", "NodeEnvironment", "GRPCFraming", "HTTP2Engine", "RPCTransport", "HostEnvironment",
             nioCore, nioPosix]),
        tests("HostEnvironmentTests", ["ClusterModel", "NodeEnvironment", "HostEnvironment"]),
        tests("SimulatedEnvironmentTests", ["ClusterModel", "NodeEnvironment", "GRPCFraming", "SimulatedEnvironment", nioCore]),
        tests(
            "ActorClusterTests",
            ["ClusterModel", "NodeEnvironment", "GRPCFraming", "ActorCluster", "SimulatedEnvironment", "HostEnvironment",
             nioCore]),
        tests(
            "PersonalizationTests",
            ["ClusterModel", "MergeableState", "NodeEnvironment", "EventLog", "ActorCluster", "Personalization",
             "SimulatedEnvironment"]),
        tests(
            "ServingAPITests",
            ["ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", "EventLog", "Personalization",
             "ServingAPI", "SimulatedEnvironment", nioCore, protobuf]),
        tests(
            "OperatorAPITests",
            ["ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", "OperatorAPI", "HostEnvironment",
             nioCore, protobuf]),
        tests(
            "MeridianClientTests",
            ["ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", "MeridianClient",
             "SimulatedEnvironment", nioCore, protobuf]),
        tests("MeridianNodeTests", ["ClusterModel", "NodeEnvironment", "MeridianNode", "SimulatedEnvironment"]),
        tests("DatasetsTests", ["ClusterModel", "Datasets"]),
        tests("OperatorCommandsTests", ["ClusterModel", "NodeEnvironment", "OperatorCommands"]),
        tests("TidyTests", []),

        // MARK: Tests of the whole
        tests("SimulationTests", ["ClusterModel", "NodeEnvironment", "SimulatedEnvironment", "NodeSimulation"]),
        support(
            "NodeSimulation",
            ["ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", "EventLog", "SegmentLog",
             "Personalization", "MeridianNode", "MeridianClient", "SimulatedEnvironment", nioCore, protobuf]),
        executable(
            "simulate", path: "Tests/Simulate", ["ClusterModel", "NodeSimulation", "SimulatedEnvironment", arguments]),
        tests("ConformanceTests", ["ClusterModel", "NodeEnvironment", "RPCTransport", "HostEnvironment", "GRPCFraming", nioCore]),
        tests(
            "IntegrationTests",
            ["ClusterModel", "MeridianProtocol", "NodeEnvironment", "HostEnvironment", "RPCTransport", "EventLog",
             "SegmentLog", "MeridianClient", "Datasets", nioCore, protobuf]),
        executable(
            "meridian-bench", path: "Tests/Benchmarks",
            ["ClusterModel", "MeridianProtocol", "GRPCFraming", "NodeEnvironment", "HostEnvironment", "RPCTransport",
             "EventLog", "SegmentLog", "MeridianNode", "MeridianClient", "Datasets", "CAllocationCount", arguments,
             nioCore, protobuf]),
        .target(name: "CAllocationCount", path: "Tests/Support/CAllocationCount"),
    ]
)
