// swift-tools-version: 6.2
//
// Meridian: the layers, from the bottom up. Imports point down only; the allowed edges stand as an explicit table in
// Tests/TidyTests/LayerTable.swift, which is compared with the imports. A target appears with its first test; the
// finished house is drawn in Sources/ARCHITECTURE.md.
//
//   8  meridian                                 the operator's command
//   7  MeridianNode, OperatorCommands, Datasets
//   5  Personalization
//   3  SegmentLog, HostEnvironment
//   2  NodeEnvironment, EventLog
//   1  ClusterModel, MergeableState, GRPCFraming, MeridianProtocol
//   0  CChecksum, CKernelClock, CLZ4, COpenSSL

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
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: librarySettings)
}

func executable(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
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
    products: [.executable(name: "meridian", targets: ["meridian"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        // MARK: Layer 0: system libraries and C shims
        .target(name: "CChecksum"),
        .target(name: "CKernelClock"),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

        // MARK: Layer 1: types, formats, wire rules
        library("ClusterModel", ["CChecksum", "COpenSSL"]),
        library("MergeableState", ["ClusterModel"]),
        library("GRPCFraming", []),
        .target(
            name: "MeridianProtocol", dependencies: [protobuf, nioCore], exclude: ["proto"],
            swiftSettings: swiftSettings),

        // MARK: Layer 2: the seam and the log contract
        library("NodeEnvironment", ["ClusterModel", "GRPCFraming", nioCore]),
        library("EventLog", ["ClusterModel", "NodeEnvironment", "CLZ4"]),

        // MARK: Layer 3: engines
        library("SegmentLog", ["ClusterModel", "NodeEnvironment", "EventLog"]),
        library("HostEnvironment", ["CKernelClock", "ClusterModel", "NodeEnvironment", nioCore, nioPosix]),

        // MARK: Layer 5: users and content
        library("Personalization", ["ClusterModel", "EventLog"]),

        // MARK: Layer 7: one node; what the CLI does
        library("MeridianNode", ["ClusterModel", "NodeEnvironment", yams]),
        library("Datasets", ["ClusterModel", "NodeEnvironment"]),
        library(
            "OperatorCommands",
            [
                "ClusterModel", "NodeEnvironment", "EventLog", "SegmentLog", "HostEnvironment", "Datasets", "COpenSSL",
                arguments, nioPosix,
            ]),

        // MARK: Layer 8: entry points
        executable("meridian", ["OperatorCommands", arguments]),

        // MARK: Test support
        support("SimulatedEnvironment", ["ClusterModel", "NodeEnvironment", "GRPCFraming"]),

        // MARK: Tests, a target a source target
        tests("ClusterModelTests", ["ClusterModel"]),
        tests("MergeableStateTests", ["ClusterModel", "MergeableState", "NodeEnvironment"]),
        tests("MeridianProtocolTests", ["MeridianProtocol", nioCore, protobuf]),
        tests("NodeEnvironmentTests", ["ClusterModel", "GRPCFraming", "NodeEnvironment"]),
        tests("EventLogTests", ["ClusterModel", "NodeEnvironment", "EventLog"]),
        tests(
            "SegmentLogTests",
            ["ClusterModel", "NodeEnvironment", "EventLog", "SegmentLog", "SimulatedEnvironment"]),
        tests(
            "HostEnvironmentTests", ["ClusterModel", "NodeEnvironment", "EventLog", "SegmentLog", "HostEnvironment"]),
        tests("PersonalizationTests", ["ClusterModel", "EventLog", "NodeEnvironment", "Personalization"]),
        tests("MeridianNodeTests", ["ClusterModel", "NodeEnvironment", "MeridianNode"]),
        tests("DatasetsTests", ["ClusterModel", "NodeEnvironment", "HostEnvironment", "Datasets"]),
        tests(
            "OperatorCommandsTests",
            [
                "ClusterModel", "NodeEnvironment", "HostEnvironment", "EventLog", "SegmentLog", "Datasets",
                "OperatorCommands",
            ]),
        tests("TidyTests", []),
    ]
)
