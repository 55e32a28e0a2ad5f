import Foundation
import Testing
import Workers

/// A flow's own program, which is started by its descriptor, may make the system calls only that Swift steps need.
@Suite("System calls of Swift steps", .timeLimit(.minutes(10)))
struct StepCallTests {
    @Test func `what would change the kernel, or look past what is hidden, is refused`() async throws {
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "refused-calls").path
        let end = try await run(program, ["refused-calls", "steps"])
        #expect(end.output.split(separator: "\n").dropLast() == [], "these got through")
        #expect(end.output.hasSuffix(" tried\n") && end.end == .exited(0), "\(end)")
    }

    /// Files, processes and their signals, threads, the network: what steps do.
    @Test func `programs that a step starts work as they do elsewhere`() async throws {
        let script = """
            set -eu
            file=$(mktemp); printf x >"$file"; chmod 600 "$file"; mv "$file" "$file.b"; ln "$file.b" "$file"; rm "$file" "$file.b"
            sleep 1000 & kill -9 $!; ! wait $!
            setsid sh -c 'echo session' | cat
            (ulimit -n 64; nice -n 1 timeout 5 env true)
            ! exec 3<>/dev/tcp/127.0.0.1/1
            echo done
            """
        let end = try await run("/bin/bash", ["bash", "-c", script])
        #expect(end.output.hasSuffix("done\n") && end.end == .exited(0), "\(end)")
    }

    private func run(_ program: String, _ words: [String]) async throws -> (end: ChildProcess.End, output: String) {
        let descriptor = open(program, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        try #require(descriptor >= 0)
        let file = FileManager.default.temporaryDirectory.appending(path: "calls-\(UUID().uuidString)")
        let output = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer {
            close(output)
            unlink(file.path)
        }
        let child = try await ChildProcess.start(
            Launch(
                program: .descriptor(descriptor), arguments: words, environment: ["PATH": "/usr/bin:/bin"],
                descriptors: [-1, output, output]))
        let end = await child.end()
        return (end, String(decoding: FileManager.default.contents(atPath: file.path) ?? Data(), as: UTF8.self))
    }
}
