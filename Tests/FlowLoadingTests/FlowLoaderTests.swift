import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("Loading flows")
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
        guard case .shell(let shell) = node.kind else { return }
        #expect(shell.source == .asset(digest))
        #expect(shell.arguments.count == 4)
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

    @Test func `a broken cache entry is compiled again`() async throws {
        let folder = try TemporaryFolder()
        var environment = try Shared.environment()
        environment["FLOW_CACHE"] = folder.path + "/cache"
        let loader = FlowLoader(environment: environment)
        let file = try folder.write(
            "import FlowDSL\n@main struct A: Flow { var body: some FlowBody { shell(\"a\", \"true\") } }\n", to: "a.swift")
        let first = try await loader.load(file: file)
        let flows = folder.path + "/cache/flows"
        let entry = try #require(try FileManager.default.contentsOfDirectory(atPath: flows).first)
        try "{".write(toFile: "\(flows)/\(entry)/entry.json", atomically: true, encoding: .utf8)
        let second = try await loader.load(file: file)
        #expect(!second.timings.isCached && second.revision == first.revision)
        #expect(try await loader.load(file: file).timings.isCached)
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
