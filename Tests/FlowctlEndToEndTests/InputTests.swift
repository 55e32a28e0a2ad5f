import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("Bad inputs and selectors", .timeLimit(.minutes(5)))
struct InputTests {
    private static let inventory = """
        hosts:
          web-1: {address: 127.0.0.1, port: 1, user: ops, labels: {role: web}}
          web-2: {address: 127.0.0.1, port: 1, user: ops, labels: {role: web}}
        groups: {web: [web-1, web-2]}

        """

    private static let parameters = [
        Parameter(name: "count", kind: .int), Parameter(name: "version", kind: .string, pattern: #"\d+\.\d+"#),
        Parameter(name: "stage", kind: .string, choices: ["test", "live"]), Parameter(name: "hosts", kind: .selector),
    ]

    private static let good = ["-p", "count=3", "-p", "version=1.2", "-p", "stage=live"]

    /// Everything the flow does leaves a trace, so that a run that was started after all shows itself.
    private func flow(_ place: Place) throws {
        let trace = place.folder.appending(path: "trace").path
        try place.write("asks", Place.shell("x", "echo x >> \(trace)"), parameters: Self.parameters)
    }

    private func expectNothingStarted(_ place: Place, _ environment: [String: String]) async throws {
        #expect(try await place.runs(environment).isEmpty)
        #expect(!FileManager.default.fileExists(atPath: place.folder.appending(path: "trace").path))
    }

    @Test(arguments: Mode.allCases)
    func `inputs: unknown, missing, mistyped and pattern-breaking ones are told at once, and nothing is started`(mode: Mode)
        async throws
    {
        try await Place.with(mode, inventory: Self.inventory) { place, environment in
            try flow(place)
            for command in ["run", "plan"] {
                let refused = try await place.run(
                    command, "asks.json", "-p", "count=many", "-p", "version=x", "-p", "stage=prod", "-p", "siez=1",
                    environment: environment)
                #expect(refused.status == 2)
                #expect(refused.out.isEmpty)
                #expect(refused.err.contains("5 inputs are not acceptable"))
                let lines = [
                    "siez: is not a parameter of the flow; it has 'count', 'version', 'stage', 'hosts'",
                    "count: must be a whole number, found", #"version: must match \d+\.\d+, found "x""#,
                    #"stage: must be one of test, live, found "prod""#, "hosts: is missing: a selector of hosts",
                ]
                for line in lines { #expect(refused.err.contains(line), "\(line): \(refused.err)") }
                #expect(refused.err.contains("Next: "))
            }
            try await expectNothingStarted(place, environment)
        }
    }

    @Test(arguments: Mode.allCases)
    func `selectors: an unknown host or group, or nobody at all, is refused before the start`(mode: Mode) async throws {
        try await Place.with(mode, inventory: Self.inventory) { place, environment in
            try flow(place)
            let cases = [
                ("web-3", "there is no host 'web-3' (character 1). Did you mean 'web-"),
                ("group:wbe", "there is no group 'wbe' (character 1). Did you mean 'web'?"),
                ("role=db", "matches none of the 2 hosts"), ("web-1 & !web-1", "matches none of the 2 hosts"),
                ("web-1 & (", "at the end"),
            ]
            for (selector, says) in cases {
                let refused = try await place.start(
                    ["run", "asks.json", "-p", "hosts=\(selector)"] + Self.good, environment: environment
                ).result()
                #expect(refused.status == 2, "\(selector)")
                #expect(refused.err.contains("Nothing was started: a selector does not say where to run."), "\(refused.err)")
                #expect(refused.err.contains("\n  hosts: "), "\(refused.err)")
                #expect(refused.err.contains(says), "\(selector): \(refused.err)")
                #expect(refused.err.contains("\nNext: "))
            }
            try await expectNothingStarted(place, environment)
        }
    }

    @Test(arguments: Mode.allCases)
    func `several faults in selectors are told together, each with its place`(mode: Mode) async throws {
        try await Place.with(mode, inventory: Self.inventory) { place, environment in
            try flow(place)
            let refused = try await place.start(
                ["run", "asks.json", "-p", "hosts=web-9 | group:none", "--limit", "db-1"] + Self.good, environment: environment
            ).result()
            #expect(refused.status == 2)
            for line in ["--limit: ", "hosts: there is no host 'web-9'", "hosts: there is no group 'none'"] {
                #expect(refused.err.contains(line), "\(refused.err)")
            }
            try await expectNothingStarted(place, environment)
        }
    }

    @Test(arguments: Mode.allCases)
    func `exec on nobody is refused and leaves no run behind`(mode: Mode) async throws {
        try await Place.with(mode, inventory: Self.inventory) { place, environment in
            for selector in ["", "  ", "web-3", "role=db"] {
                let refused = try await place.run("exec", selector, "--", "true", environment: environment)
                #expect(refused.status == 2, "'\(selector)': \(refused.err)")
                #expect(refused.err.contains("Nothing was started"), "'\(selector)': \(refused.err)")
            }
            #expect(try await place.runs(environment).isEmpty)
        }
    }

    @Test func `values that are not what was meant are refused: other bytes, half a list, a pipe`() async throws {
        let place = try Place()
        try place.write("takes", Place.shell("x", "echo x >> trace"), parameters: [Parameter(name: "names", kind: .list(.string))])
        let bytes = try await place.start(
            program: "/bin/sh", ["-c", #"exec "$0" run takes.json -p "names=M$(printf '\344')rz""#, Place.binary("flowctl").path]
        ).result()
        #expect(bytes.status == 2 && bytes.err.contains(#"argument 4 is not UTF-8: names=M\xe4rz"#), "\(bytes.err)")
        let list = try await place.run("run", "takes.json", "-p", "names=[web-1,web-2]")
        #expect(list.status == 2 && list.err.contains("it begins with '[' and is not JSON"), "\(list.err)")
        #expect(mkfifo(place.folder.appending(path: "pipe").path, 0o600) == 0)
        let pipe = try await place.run("run", "takes.json", "--inputs", "pipe")
        #expect(pipe.status == 2 && pipe.err.contains("it is a pipe, not a file"), "\(pipe.err)")
        for file in ["pipe.swift", "pipe.json"] {
            #expect(mkfifo(place.folder.appending(path: file).path, 0o600) == 0)
            let refused = try await place.run("run", file)
            #expect(refused.status == 2 && refused.err.contains("it is a pipe, not a file"), "\(refused.err)")
        }
        #expect(!place.hasHome)
        try await place.leave()
    }

    @Test func `inputs with a byte order mark are read, and another encoding is named`() async throws {
        let place = try Place()
        try place.write("takes", Place.shell("x", "true"), parameters: [Parameter(name: "count", kind: .int)])
        let file = place.folder.appending(path: "inputs.json")
        try Data([0xEF, 0xBB, 0xBF] + Array(#"{"count": 3}"#.utf8) + [0x0D, 0x0A]).write(to: file)
        let read = try await place.run("plan", "takes.json", "--inputs", "inputs.json")
        #expect(read.status == 0, "\(read.err)")
        try Data([0xFF, 0xFE] + #"{"count": 3}"#.utf8.flatMap { [$0, 0] }).write(to: file)
        let refused = try await place.run("plan", "takes.json", "--inputs", "inputs.json")
        #expect(refused.status == 2 && refused.err.contains("it is UTF-16, not UTF-8 (iconv"), "\(refused.err)")
        try await place.leave()
    }

    @Test func `a command that is none, and a run that is not named, are told what there is`() async throws {
        let place = try Place()
        let check = try await place.run("check", "asks.json")
        #expect(check.status == 2)
        #expect(check.err.contains("there is no command 'check'. Did you mean 'flow check'?"), "\(check.err)")
        let typed = try await place.run("lsit")
        #expect(typed.status == 2 && typed.err.contains("Did you mean 'list'?"), "\(typed.err)")
        for command in ["show", "watch", "why", "cancel", "logs"] {
            let refused = try await place.run(command, "")
            #expect(refused.status == 2 && refused.err.contains("no run is named"), "\(command): \(refused.err)")
        }
        #expect(!place.hasHome)
        try await place.leave()
    }
}
