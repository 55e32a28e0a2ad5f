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
        when(unit.failed == "none") { shell("x", "y") }
        step("last", unit) { context, report in report.failed }
    }
}
// expect 16: cannot convert value of type 'String'
