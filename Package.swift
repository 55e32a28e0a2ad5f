// swift-tools-version: 6.2
import PackageDescription

/// Every room builds under the same strict settings; `docs/internals/architecture.md` says why each is on.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let logging = product(name: "Logging", package: "swift-log")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let yams = product(name: "Yams", package: "Yams")
}

func room(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "flow",
    products: [
        .library(name: "FlowDSL", type: .static, targets: ["FlowDSL"]),
        .library(name: "FlowRehearsal", type: .static, targets: ["FlowRehearsal"]),
        .executable(name: "flowctl", targets: ["flowctl"]),
        .executable(name: "flowd", targets: ["flowd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CLibSSH", pkgConfig: "libssh", providers: [.apt(["libssh-dev"])]),
        .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CFlowShims"),

        room("FlowModel"),
        room("FlowCrypto", ["CLibCrypto", "FlowModel"]),
        room("FlowDSL", ["FlowModel"]),
        room("FlowLoading", ["CFlowShims", "FlowCrypto", "FlowModel", "FlowSchedules", "FlowThreads"]),
        room("FlowEngine", ["FlowModel"]),
        room("FlowRehearsal", ["FlowCrypto", "FlowDSL", "FlowEngine", "FlowInventory", "FlowLoading", "FlowModel"]),
        room("FlowHTTP", ["CFlowShims", "CLibCurl", "FlowThreads"]),
        room("FlowSchedules", ["FlowModel"]),
        room(
            "FlowStoreSQLite",
            ["CFlowShims", "FlowCrypto", "FlowEngine", "FlowModel", .grdb, .product(name: "GRDBSQLite", package: "GRDB.swift")]),
        room("FlowInventory", ["CFlowShims", "CLibYAML", "FlowCrypto", "FlowModel"]),
        room(
            "Workers", ["CFlowShims", "CLibSSH", "FlowCrypto", "FlowHTTP", "FlowModel", "FlowThreads", "FlowXML", .logging],
            resources: [.embedInCode("HostRecord/runner.sh")]),
        room("FlowThreads"),
        room("FlowWire", ["FlowModel"]),
        room("FlowXML", ["CLibXML2"]),
        room("FlowAPI", ["FlowEngine", "FlowModel", "FlowWire", .httpTypes, .hummingbird, .logging, .nioCore, .nioHTTP1, .nioPosix]),
        room(
            "FlowServer",
            [
                "CFlowShims", "FlowAPI", "FlowCrypto", "FlowEngine", "FlowHTTP", "FlowInventory", "FlowLoading", "FlowModel", "FlowSchedules",
                "FlowStoreSQLite", "FlowWire", "Workers", .hummingbird, .hummingbirdCore, .logging, .nioCore, .nioHTTP1, .nioPosix, .nioSSL,
                .serviceLifecycle, .unixSignals, .yams,
            ]),
        room("FlowTestKit", ["CFlowShims", "CLibSSH", "FlowCrypto", "FlowEngine", "FlowModel", "FlowSchedules", "FlowThreads", "Workers"]),
        room("FlowCommand", ["FlowModel", "FlowWire", .argumentParser]),
        .executableTarget(
            name: "flowctl",
            dependencies: [
                "CFlowShims", "FlowAPI", "FlowCommand", "FlowCrypto", "FlowHTTP", "FlowInventory", "FlowLoading", "FlowModel", "FlowRehearsal",
                "FlowServer", .nioPosix,
            ], swiftSettings: strict),
        .executableTarget(name: "flowd", dependencies: ["FlowServer", .argumentParser], swiftSettings: strict),
        .executableTarget(
            name: "flow-lab", dependencies: ["FlowModel", "FlowTestKit", .argumentParser], swiftSettings: strict),
        .executableTarget(
            name: "flow-bench",
            dependencies: [
                "FlowCrypto", "FlowEngine", "FlowLoading", "FlowModel", "FlowStoreSQLite", "FlowTestKit",
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ], path: "Benchmarks/flow-bench", swiftSettings: strict),

        tests(
            "FlowAPITests",
            [
                "FlowAPI", "FlowCrypto", "FlowEngine", "FlowHTTP", "FlowModel", "FlowTestKit", "FlowWire", .httpTypes, .hummingbird, .logging,
                .nioCore, .nioHTTP1, .serviceLifecycle,
            ]),
        tests("FlowCryptoTests", ["FlowCrypto", "FlowEngine", "FlowModel"]),
        tests("FlowDSLTests", ["FlowDSL", "FlowModel"]),
        tests("FlowEngineTests", ["FlowEngine", "FlowModel", "FlowTestKit"]),
        tests("FlowHTTPTests", ["FlowHTTP", "FlowTestKit"]),
        tests("FlowInventoryTests", ["FlowInventory", "FlowModel", "FlowTestKit"]),
        tests(
            "FlowRehearsalTests", ["FlowDSL", "FlowEngine", "FlowInventory", "FlowLoading", "FlowModel", "FlowRehearsal", "FlowTestKit"]),
        tests("FlowModelTests", ["FlowModel", "FlowTestKit"]),
        .executableTarget(name: "refused-calls", path: "Tests/Fixtures/RefusedCalls"),
        .testTarget(
            name: "FlowLoadingTests",
            dependencies: ["CFlowShims", "FlowCrypto", "FlowDSL", "FlowLoading", "FlowModel", "FlowTestKit", "refused-calls"],
            exclude: ["Flows"], swiftSettings: strict),
        tests(
            "FlowServerTests",
            [
                "FlowAPI", "FlowCrypto", "FlowEngine", "FlowHTTP", "FlowModel", "FlowSchedules", "FlowServer", "FlowStoreSQLite", "FlowTestKit",
                "FlowWire", .grdb, .httpTypes, .hummingbird, .logging, .nioCore, .nioEmbedded, .nioHTTP1,
            ]),
        .target(name: "CRecordingVFS", path: "Tests/CRecordingVFS", linkerSettings: [.linkedLibrary("sqlite3")]),
        tests(
            "FlowStoreSQLiteTests",
            [
                "CRecordingVFS", "FlowCrypto", "FlowEngine", "FlowModel", "FlowStoreSQLite", "FlowTestKit", .grdb,
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),
        .testTarget(
            name: "ProcessTests", dependencies: ["FlowCrypto", "FlowModel", "FlowTestKit", "flowctl", "flowd"], exclude: ["Fixtures"],
            swiftSettings: strict),
        .executableTarget(
            name: "cron-oracle", dependencies: ["FlowModel", "FlowSchedules"], path: "Tests/Fixtures/CronOracle", swiftSettings: strict),
        tests("FlowSchedulesTests", ["FlowModel", "FlowSchedules", "FlowTestKit", "cron-oracle"]),
        .executableTarget(
            name: "step-fixture", dependencies: ["FlowDSL"], path: "Tests/Fixtures/StepFixture", swiftSettings: strict),
        tests(
            "WorkersTests",
            ["CFlowShims", "FlowCrypto", "FlowHTTP", "FlowModel", "FlowTestKit", "Workers", "refused-calls", "step-fixture", .logging]),
        tests("FlowThreadsTests", ["FlowThreads"]),
        tests("FlowXMLTests", ["CLibXML2", "FlowXML"]),
        tests("FlowctlEndToEndTests", ["FlowModel", "FlowTestKit", "flowctl", "flowd"]),
        .testTarget(
            name: "FlowctlTests", dependencies: ["FlowCommand", "FlowModel", "FlowTestKit", "FlowWire"], exclude: ["Snapshots"],
            swiftSettings: strict),
    ]
)
