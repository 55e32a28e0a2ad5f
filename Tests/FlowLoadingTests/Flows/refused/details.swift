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
        copy("d", from: "a", to: "relative", on: "web-1", mode: "rw-")
        shell("e", "true", retry: .attempts(2, on: [0]))
        shell("f", " ")
        step("last", unit) { context, report in report.failed }
    }
}
// expect 16: its mode must be octal permission bits
// expect 16: its source path must be absolute, since 'from:' names a file on the engine's machine, found one that begins with 'a'
// expect 16: its target path must be absolute
// expect 17: failures have 1 to 255
// expect 18: its command is empty
