// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// One list for every target: what holds the layers and the unsafe fence in place (CONTRIBUTING.md).
let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
]
let testSettings: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name,
        dependencies: ["BeltwayTestSupport"] + dependencies,
        path: "Tests/\(name)",
        swiftSettings: testSettings
    )
}

let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
/// SQLite's own header, for raw binds on the insert path.
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
/// SHA-256 of streams and files; of the data plane's modules BeltwayFlow alone may depend on it.
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
/// TLS for rings of another host (`serve`, `tap --from`); BeltwayAppliance alone depends on it.
let tls: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOTLS", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
]

let package = Package(
    name: "beltway",
    products: [
        .executable(name: "beltway", targets: ["beltway"]),
        .executable(name: "beltway-bench", targets: ["beltway-bench"]),
        .library(name: "BeltwayBuffers", targets: ["BeltwayBuffers"]),
        .library(name: "BeltwayC", type: .dynamic, targets: ["BeltwayC"]),  // deployments/build-c
        .library(name: "BeltwayPcap", type: .dynamic, targets: ["BeltwayPcap"]),  // deployments/build-pcap
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        // 0  C
        .target(name: "CLinux"),
        .target(name: "CRingPeer", linkerSettings: [.linkedLibrary("pcap")]),  // peers of beltway-bench
        .systemLibrary(name: "CBeltway"),  // beltway.h, which BeltwayC implements
        .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "CTimerFD"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // 1  formats
        library("BeltwayWire", []),
        // 2  transport
        library("BeltwayBuffers", ["BeltwayWire", "CLinux"]),
        // 3  producers
        library("BeltwayCapture", ["BeltwayBuffers", "BeltwayWire", "CLinux", "CPcap", "CZlib"]),
        library("BeltwayClassify", ["BeltwayBuffers", "BeltwayWire", "CPcap"]),
        // 4  consumers
        library("BeltwayFlow", ["BeltwayClassify", "BeltwayBuffers", "BeltwayWire", "CZlib", crypto]),
        library(
            "BeltwayDetect",
            ["BeltwayFlow", "BeltwayClassify", "BeltwayBuffers", "BeltwayWire", "CPCRE2"]
        ),
        library("BeltwayTrace", ["BeltwayFlow", "BeltwayClassify", "BeltwayBuffers", "BeltwayWire"]),
        library("BeltwayStore", ["BeltwayFlow", "BeltwayBuffers", "BeltwayWire", "CLinux", grdb, sqlite]),
        // 5  whole
        library(
            "BeltwayAppliance",
            [
                "BeltwayCapture", "BeltwayClassify", "BeltwayFlow", "BeltwayDetect", "BeltwayTrace",
                "BeltwayStore",
                "BeltwayBuffers", "BeltwayWire", "CLinux", yams, crypto,
            ] + tls
        ),
        // 6  programs and libraries
        .executableTarget(
            name: "beltway",
            dependencies: ["BeltwayAppliance", "BeltwayStore", "BeltwayBuffers", arguments],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "beltway-bench",
            dependencies: [
                "BeltwayCapture", "BeltwayFlow", "BeltwayClassify", "BeltwayBuffers", "BeltwayWire", "CLinux",
                "CRingPeer",
                arguments,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "BeltwayC",
            dependencies: ["BeltwayBuffers", "BeltwayWire", "CBeltway"],
            exclude: ["Examples"],
            swiftSettings: settings
        ),
        .target(
            name: "BeltwayPcap",
            dependencies: ["BeltwayBuffers", "BeltwayWire", "CPcap", "CTimerFD"],
            exclude: ["pcap.map"],
            swiftSettings: settings
        ),

        // Tests
        .target(
            name: "BeltwayTestSupport",
            dependencies: ["BeltwayWire", "BeltwayBuffers", "CLinux"],
            path: "Tests/BeltwayTestSupport",
            swiftSettings: testSettings
        ),
        // A worker with its producer in one thread: for tests of whole captures, and for Tests/fuzz.
        .target(
            name: "BeltwayFlowTestSupport",
            dependencies: ["BeltwayFlow", "BeltwayClassify", "BeltwayWire"],
            path: "Tests/BeltwayFlowTestSupport",
            swiftSettings: testSettings
        ),
        // Walks captures under AddressSanitizer (deployments/test); built without the sanitizer too, so that it stays whole.
        .executableTarget(
            name: "beltway-asan",
            dependencies: ["BeltwayCapture", "BeltwayWire"],
            path: "Tests/beltway-asan",
            swiftSettings: testSettings
        ),
        // Runs the buffers between threads under ThreadSanitizer (deployments/test); likewise.
        .executableTarget(
            name: "beltway-tsan",
            dependencies: ["BeltwayBuffers", "BeltwayWire"],
            path: "Tests/beltway-tsan",
            exclude: ["suppressions.txt"],
            swiftSettings: testSettings
        ),
        // The other process of tests that kill or stop one.
        .executableTarget(
            name: "beltway-peer",
            dependencies: ["BeltwayBuffers", "BeltwayTestSupport", "BeltwayWire"],
            path: "Tests/beltway-peer",
            swiftSettings: testSettings
        ),
        tests("LayeringTests", []),
        tests("BeltwayWireTests", ["BeltwayWire"]),
        tests("BeltwayBuffersTests", ["BeltwayBuffers", "BeltwayWire", "CLinux"]),
        tests("BeltwayCaptureTests", ["BeltwayCapture", "BeltwayBuffers", "BeltwayWire", "CZlib"]),
        tests("BeltwayClassifyTests", ["BeltwayClassify", "BeltwayBuffers", "BeltwayWire"]),
        tests(
            "BeltwayFlowTests",
            ["BeltwayFlow", "BeltwayClassify", "BeltwayBuffers", "BeltwayWire", "CZlib", crypto]
        ),
        tests(
            "BeltwayDetectTests",
            ["BeltwayDetect", "BeltwayFlow", "BeltwayClassify", "BeltwayBuffers", "BeltwayWire"]
        ),
        tests("BeltwayTraceTests", ["BeltwayTrace", "BeltwayFlow", "BeltwayBuffers", "BeltwayWire"]),
        tests("BeltwayStoreTests", ["BeltwayStore", "BeltwayFlow", "BeltwayBuffers", "BeltwayWire", grdb]),
        .testTarget(
            name: "BeltwayApplianceTests",
            dependencies: [
                "BeltwayTestSupport", "BeltwayAppliance", "BeltwayDetect", "BeltwayTrace", "BeltwayStore",
                "BeltwayFlow", "BeltwayClassify", "BeltwayBuffers", "BeltwayWire",
            ],
            path: "Tests/BeltwayApplianceTests",
            exclude: ["Programs"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "BeltwayCTests",
            dependencies: ["BeltwayTestSupport", "BeltwayBuffers", "BeltwayWire"],
            path: "Tests/BeltwayCTests",
            exclude: ["Programs"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "BeltwayPcapTests",
            dependencies: ["BeltwayTestSupport", "BeltwayBuffers", "BeltwayWire"],
            path: "Tests/BeltwayPcapTests",
            exclude: ["Programs"],
            swiftSettings: testSettings
        ),
        tests("BeltwayBenchTests", ["beltway-bench"]),
        .testTarget(
            name: "CorpusTests",
            dependencies: [
                "BeltwayTestSupport", "BeltwayFlowTestSupport", "BeltwayAppliance", "BeltwayCapture",
                "BeltwayClassify", "BeltwayFlow", "BeltwayWire",
            ],
            path: "Tests/CorpusTests",
            exclude: ["README.md"],
            swiftSettings: testSettings
        ),
        tests("LiveTests", ["BeltwayBuffers"]),
    ]
)
