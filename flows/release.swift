import FlowDSL

/// What the build hands to the steps after it.
struct Build: Codable, Sendable {
    var path: String
    var sha256: String
}

/// Builds a package, asks for approval, and brings it to one host after the other: copy, switch, health check.
@main struct Release: Flow {
    static let summary = "Builds a package, asks for approval, and brings it to one host after the other"

    @Param("Version to release", pattern: #"\d+\.\d+\.\d+"#) var version: String
    @Param("Where to") var hosts: Selector = "group:web"
    @Param("Directory here that keeps packages") var packages: String = "/var/tmp/flow-packages"
    @Param("Directory on the hosts that keeps releases") var base: String = "/var/tmp/web"
    @Param("Seconds that switching takes at least") var pace: Int = 0

    var body: some FlowBody {
        let build = script(
            "build", file: "release/build.sh", $version, $packages, timeout: .minutes(5), output: Build.self)

        approval(
            "go", "Release \($version) (sha256 \(build.sha256))?", rules: [.role("release-manager", count: 1)],
            deadline: .hours(24))

        map("deploy", over: $hosts, width: 1) { host in
            shell("prepare", "mkdir -p \($base)/releases", on: host)
            copy("package", from: build.path, to: "\($base)/releases/\($version).tar.gz", on: host)
            script("switch", file: "release/switch.sh", $base, $version, $pace, on: host, timeout: .minutes(10))
            shell(
                "healthy", "test \"$(cat \($base)/current/VERSION)\" = \($version)", on: host,
                retry: .attempts(5, delay: .seconds(1)))
        }

        finally {
            shell("report", "echo release of \($version): \(run.outcome)")
        }
    }
}
