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
        shell("a", "echo \"\($version)\"")
        shell("b", "echo '\($version)'")
        shell("c", """
            cat <<END
            \($version)
            END
            """)
        shell("d", "true # \($version)")
        shell("e", "echo $((\($version) + 1))")
        shell("f", "echo `echo \($version)`")
        shell("g", "echo ${HOME:-\($version)}")
        shell("h", "eval \($version)")
        step("last", unit) { context, report in report.failed }
    }
}
// expect 16: inside double quotes
// expect 17: inside single quotes
// expect 20: inside a here-document
// expect 23: inside a comment
// expect 24: inside arithmetic
// expect 25: inside backticks
// expect 26: inside ${ }
// expect 27: after 'eval'
