import FlowDSL

struct Build: Codable, Sendable { var path: String; var sha256: String }

@main struct ReleaseWeb: Flow {
    @Param("Version to release", pattern: #"\d+\.\d+\.\d+"#) var version: String
    @Param("Where to") var hosts: Selector = "group:web & !role=canary"

    var body: some FlowBody {
        let build = shell("build", "make dist VERSION=\($version)", timeout: .minutes(20), output: Build.self)

        approval(
            "go", "Release \($version) (\(build.sha256))?", rules: [.role("release-manager", count: 2)], deadline: .hours(24))

        map("deploy", over: $hosts, width: 1) { host in
            copy("package", from: build.path, to: "/opt/web/\($version).tar.gz")
            script("prepare", file: "scripts/setup.sh", $version, host.name, "literal", 7, on: host)
            shell(
                "switch", "/opt/web/switch \($version)", on: host, as: "web", env: ["STAGE": "\(host.labels["stage"])"],
                retry: .attempts(2))
        }

        let report = step("report", build, $version) { context, build, version in
            context.log("released \(version)")
            return ["digest": build.sha256]
        }
        step("slow", report) { context, report in
            try await Task.sleep(for: .seconds(1_000))
        }
        step("fails") { context -> Int in throw Refusal(why: "no luck") }
        finally { shell("done", "echo \(run.outcome)") }
    }
}

struct Refusal: Error, CustomStringConvertible {
    var why: String
    var description: String { why }
}
