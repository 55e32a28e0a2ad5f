import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("Confinement of the evaluation", .timeLimit(.minutes(10)))
struct ConfinementTests {
    @Test func `the level says what is missing`() {
        let level = Confinement.level()
        #expect(level.isComplete == level.missing.isEmpty)
        #expect(Confinement.Level(landlock: 0, seccomp: false).missing.count == 2)
    }

    /// What a flow finds out about its surroundings becomes the name of a step.
    private func probe(_ code: String) async throws -> String? {
        let flow = try await loadBody(
            "let found = probe()\nshell(\"found-\\(found)\", \"true\")",
            types: "import Glibc\nfunc probe() -> String {\n\(code)\n}")
        return flow.plan.nodes.first?.name
    }

    @Test func `a flow file cannot read files of its user`() async throws {
        guard Confinement.level().landlock > 0 else { return }
        let folder = try TemporaryFolder()
        let secret = try folder.write("secret", to: "token")
        #expect(try await probe("return fopen(\"\(secret)\", \"r\") == nil ? \"nothing\" : \"it\"") == "found-nothing")
        #expect(
            try await probe("return fopen(\"/proc/\\(getppid())/environ\", \"r\") == nil ? \"nothing\" : \"it\"")
                == "found-nothing")
        // The same probe can see what it may: the check is able to fail.
        #expect(try await probe("return fopen(\"/etc/ld.so.cache\", \"r\") == nil ? \"nothing\" : \"it\"") == "found-it")
    }

    @Test func `the environment of the user does not reach a flow file`() async throws {
        #expect(
            try await probe("return getenv(\"HOME\") == nil && getenv(\"PATH\") == nil ? \"nothing\" : \"it\"")
                == "found-nothing")
    }

    @Test func `no descriptor of ours reaches a flow file`() async throws {
        let open = try await probe("return String((4..<200).filter { fcntl(Int32($0), F_GETFD) != -1 }.count)")
        #expect(open == "found-0")
    }

    @Test func `a process that has much open loads flow files all the same`() async throws {
        let held = (0..<400).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
        defer { for descriptor in held { close(descriptor) } }
        #expect(try await probe("return String(CommandLine.arguments.count)") == "found-3")
    }
}
