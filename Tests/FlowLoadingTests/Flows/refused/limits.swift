// swift-format-ignore-file
import FlowDSL

struct Image: Codable, Sendable { var name: String; var digest: String; var size: Int }
struct Report: Codable, Sendable { var passed: Int; var failed: Int }
enum Stage: String, CaseIterable, Codable, Sendable { case test, live }

@main struct Sample: Flow {
    @Param("Version") var version: String
    @Param("Where") var hosts: Selector = "group:web"
    @Param("Names") var names: [String] = ["a"]

    var body: some FlowBody {
        let build = step("build", $version) { context, version in Image(name: version, digest: "d", size: 1) }
        let unit = step("unit", build) { context, image in Report(passed: image.size, failed: 0) }
        shell("a", "true", retry: .attempts(0))
        map("b", over: $hosts, width: 0) { host in shell("x", "true") }
        shell("c", "true", timeout: .seconds(-1))
        copy("d", from: "a", to: "/a", on: "web-1", mode: "rw-")
        approval("e", "Go?", rules: [])
        shell("f", "true", env: ["FLOW_RUN_ID": "1"])
        step("last", unit) { context, report in report.failed }
    }
}
// expect 16: attempts, found 0
// expect 17: its width must be at least 1, found 0
// expect 18: its time-out must be more than 0
// expect 20: it needs at least one rule
// expect 21: is Flow's own
