import FlowCrypto
import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("Loading flows", .timeLimit(.minutes(10)))
struct FlowLoaderTests {
    private let release = "\(Fixtures.folder)/accepted/release.swift"

    @Test func `a second load starts no process and gives the same`() async throws {
        let loader = try Shared.loader()
        let first = try await loader.load(file: release)
        let second = try await loader.load(file: release)
        #expect(second.timings.isCached)
        #expect(second.timings.compileSeconds == nil && second.timings.evaluateSeconds == nil)
        #expect(second.plan == first.plan && second.revision == first.revision && second.binaryDigest == first.binaryDigest)
    }

    @Test func `steps and mistakes are located in the file as it was named`() async throws {
        let flow = try await Shared.loader().load(file: release)
        #expect(flow.plan.nodes.first?.location == SourceLocation(file: release, line: 10))
    }

    @Test func `scripts are embedded by digest, and a changed script changes the revision`() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(try String(contentsOfFile: release, encoding: .utf8), to: "release.swift")
        _ = try folder.write("echo one\n", to: "scripts/setup.sh")
        let one = try await Shared.loader().load(file: file)
        _ = try folder.write("echo two\n", to: "scripts/setup.sh")
        let two = try await Shared.loader().load(file: file)
        #expect(one.revision != two.revision)
        #expect(one.plan.assets.map(\.name) == ["scripts/setup.sh"])
        let digest = try #require(two.plan.assets.first?.digest)
        #expect(two.assets[digest] == Array("echo two\n".utf8))
        #expect(Digest(of: Array("echo two\n".utf8)) == digest)
        let node = try #require(two.plan.nodes.first { $0.name == "prepare" })
        guard let shell = node.kind.work(as: ShellSpec.self) else { return }
        #expect(shell.source == .asset(digest))
        #expect(shell.arguments.count == 4)
    }

    /// The script of release.swift under another name, with what makes it be there.
    private static let hidden: [(name: String, part: String, prepare: @Sendable (TemporaryFolder) throws -> Void)] = [
        (".env", ".env", { _ = try $0.write("A=secret\n", to: "flows/.env") }),
        ("../.git/config", ".git", { _ = try $0.write("secret\n", to: ".git/config") }),
        (".ssh/id", ".ssh", { _ = try $0.write("secret\n", to: "flows/.ssh/id") }),
        ("a/./.cache/../../.ssh/id", ".cache", { _ = try $0.write("secret\n", to: "flows/.ssh/id") }),
        (
            "scripts/config", ".git",
            { folder in
                _ = try folder.write("secret\n", to: ".git/config")
                _ = try folder.write("", to: "flows/scripts/other")
                try FileManager.default.createSymbolicLink(
                    atPath: folder.path + "/flows/scripts/config", withDestinationPath: "../../.git/config")
            }
        ),
        (
            "scripts/config", ".secrets",
            { folder in
                _ = try folder.write("secret\n", to: "flows/.secrets/config")
                try FileManager.default.createSymbolicLink(atPath: folder.path + "/flows/scripts", withDestinationPath: ".secrets")
            }
        ),
    ]

    @Test(arguments: 0..<6)
    func `nothing is embedded whose name or folder begins with a dot, nor a link that leads there`(_ number: Int) async throws {
        let hidden = Self.hidden[number]
        let folder = try TemporaryFolder()
        _ = try folder.write("", to: ".git/HEAD")
        let source = try String(contentsOfFile: release, encoding: .utf8)
            .replacing("scripts/setup.sh", with: hidden.name).replacing("7, on: host", with: "7, interpreter: .sh, on: host")
        let file = try folder.write(source, to: "flows/release.swift")
        try hidden.prepare(folder)
        guard case .failure(let error) = await outcome(file, try Shared.loader()) else { return #expect(Bool(false), "\(hidden.name) was embedded") }
        let detail = try #require(error.errors.first)
        #expect(detail.message.contains("script file '\(hidden.name)' was not embedded"), "\(detail)")
        #expect(detail.message.contains("'\(hidden.part)'") && !detail.message.contains("secret\n"), "\(detail)")
    }

    @Test func `a flow below a folder with a dot has its own scripts embedded`() async throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("", to: ".git/HEAD")
        let source = try String(contentsOfFile: release, encoding: .utf8).replacing("scripts/setup.sh", with: "../scripts/setup.sh")
        let file = try folder.write(source, to: ".deploy/flows/release.swift")
        _ = try folder.write("echo one\n", to: ".deploy/scripts/setup.sh")
        #expect(try await Shared.loader().load(file: file).plan.assets.map(\.name) == ["../scripts/setup.sh"])
    }

    /// What a script file of another system's editor would be on a host, and the line to mend.
    private static let foreign = [
        ("#!/bin/sh\necho a\r\necho b\n", 2, "CR LF", #"s/\r$//"#), ("\u{FEFF}#!/bin/sh\n", 1, "byte order mark", "1s/"),
        ("#!/bin/sh\recho a\r", 1, "CR alone", #"s/\r/\n/g"#),
    ]

    @Test(arguments: foreign)
    func `a script with foreign line ends is refused at its line, with what mends it`(text: String, line: Int, says: String, mend: String)
        async throws
    {
        let folder = try TemporaryFolder()
        let file = try folder.write(try String(contentsOfFile: release, encoding: .utf8), to: "release.swift")
        let script = try folder.write(text, to: "scripts/setup.sh")
        guard case .failure(let error) = await outcome(file, try Shared.loader()) else { return #expect(Bool(false)) }
        let detail = try #require(error.errors.first)
        #expect(detail.location == "\(script):\(line)" && detail.message.contains(says) && detail.message.contains(mend), "\(error)")
        let command = try #require(detail.message.split(separator: "Mend it: ").last)
        let sed = try Process.run(URL(filePath: "/bin/sh"), arguments: ["-c", String(command)])
        sed.waitUntilExit()
        #expect((try? await Shared.loader().load(file: file)) != nil, "\(command)")
    }

    @Test func `a carriage return inside of a line of a script is left alone`() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(try String(contentsOfFile: release, encoding: .utf8), to: "release.swift")
        _ = try folder.write("sed 's/\r$//' x\n", to: "scripts/setup.sh")
        #expect(try await Shared.loader().load(file: file).assets.values.contains(Array("sed 's/\r$//' x\n".utf8)))
    }

    @Test(arguments: ["\r\n", "\r"])
    func `a flow file of another system's editor means the same, and mistakes are at its lines`(end: String) async throws {
        let folder = try TemporaryFolder()
        let text =
            "import FlowDSL\n@main struct A: Flow {\n  var body: some FlowBody { shell(\"a\", \"\"\"\n    echo 1\n    echo 2\n    \"\"\") }\n}\n"
        let plain = try await Shared.loader().load(file: try folder.write(text, to: "plain.swift"))
        let foreign = "\u{FEFF}" + text.replacing("\n", with: end)
        let flow = try await Shared.loader().load(file: try folder.write(foreign, to: "foreign.swift"))
        #expect(flow.plan.nodes.map(\.kind) == plain.plan.nodes.map(\.kind))
        #expect(flow.plan.nodes[0].location?.line == 3)
        let wrong = try folder.write(foreign.replacing("echo 1", with: "\\(nobody)"), to: "wrong.swift")
        guard case .failure(let error) = await outcome(wrong, try Shared.loader()) else { return #expect(Bool(false)) }
        #expect(error.errors.first?.location == "\(wrong):4", "\(error)")
    }

    /// What could be waited for without end, or read without end.
    @Test func `only files are read`() async throws {
        let folder = try TemporaryFolder()
        let pipe = folder.path + "/pipe.swift"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(mkfifo(folder.path + "/pipe.json", 0o600) == 0)
        try FileManager.default.createDirectory(atPath: folder.path + "/folder.swift", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/device.swift", withDestinationPath: "/dev/zero")
        for (name, says) in [("pipe.swift", "a pipe"), ("pipe.json", "a pipe"), ("folder.swift", "a directory"), ("device.swift", "a device")] {
            guard case .failure(let error) = await outcome("\(folder.path)/\(name)", try Shared.loader()) else { return #expect(Bool(false)) }
            #expect(error.message.contains("it is \(says), not a file"), "\(error)")
        }
        let file = try folder.write(try String(contentsOfFile: release, encoding: .utf8), to: "release.swift")
        try FileManager.default.createDirectory(atPath: folder.path + "/scripts", withIntermediateDirectories: true)
        #expect(mkfifo(folder.path + "/scripts/setup.sh", 0o600) == 0)
        guard case .failure(let error) = await outcome(file, try Shared.loader()) else { return #expect(Bool(false)) }
        #expect(error.errors.first?.message.contains("it is a pipe, not a file") == true, "\(error)")
    }

    @Test func `line numbers are not part of the revision, the source is`() async throws {
        let one = try await loadBody("shell(\"a\", \"true\")")
        var moved = one.plan
        for index in moved.nodes.indices { moved.nodes[index].location?.line += 10 }
        #expect(try revision(of: moved) == one.revision)
        let other = try await loadBody("shell(\"a\", \"true\") // another source")
        #expect(other.revision != one.revision)
    }

    @Test func `a flow without Swift steps needs no program`() async throws {
        let flow = try await loadBody("shell(\"a\", \"true\")")
        #expect(flow.binary == nil && flow.binaryDigest == nil)
    }

    @Test func `no compiler, no FlowDSL and no such file are said with what to do`() async throws {
        var environment = try Shared.environment()
        environment["PATH"] = "/nonexistent"
        guard case .failure(let error) = await outcome(release, FlowLoader(environment: environment)) else {
            return #expect(Bool(false))
        }
        #expect(error.hint?.contains("install Swift") == true)
        environment = try Shared.environment()
        environment["FLOW_DSL"] = "/nonexistent"
        guard case .failure(let other) = await outcome(release, FlowLoader(environment: environment)) else {
            return #expect(Bool(false))
        }
        #expect(other.hint?.contains("FLOW_DSL") == true)
        guard case .failure(let missing) = await outcome("/nonexistent.swift", try Shared.loader()) else {
            return #expect(Bool(false))
        }
        #expect(missing.code == .notFound)
    }

    @Test func `a cache that others can write to is not used`() async throws {
        let folder = try TemporaryFolder()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
        var environment = try Shared.environment()
        environment["FLOW_CACHE"] = folder.path
        guard case .failure(let error) = await outcome(release, FlowLoader(environment: environment)) else {
            return #expect(Bool(false))
        }
        #expect(error.code == .forbidden)
    }

    @Test func `cancelling ends a load that loops`() async throws {
        let file = "\(Fixtures.folder)/refused/loops-forever.swift"
        let loader = try Shared.loader(evaluateSeconds: 300)
        let task = Task { await outcome(file, loader) }
        task.cancel()
        guard case .failure(let error) = await task.value else { return #expect(Bool(false)) }
        #expect(error.message.contains("cancelled"))
    }
}
