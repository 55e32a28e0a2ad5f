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
        var taken: Step<Int>?
        when(unit.failed == 0) {
            remember(step("yes") { context in 1 }, in: &taken)
        } otherwise: {
            if let taken { step("no", taken) { context, n in n } }
        }
        step("last", unit) { context, report in report.failed }
    }
}
// expect 20: stands in the other branch of the when in line 17
func remember(_ step: Step<Int>, in place: inout Step<Int>?) { place = step }
