import Foundation
import Testing

/// The compiled fixture flow, which the package builds beside the tests.
enum StepBinary {
    static func bytes() throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: try path())))
    }

    static func path() throws -> String {
        // The test bundle is mapped into whatever process runs the tests.
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        let line = try #require(maps.split(separator: "\n").first { $0.hasSuffix(".xctest") }, "the tests run from no bundle")
        let bundle = String(line[(try #require(line.firstIndex(of: "/")))...])
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().path + "/step-fixture"
    }
}
