import CFlowShims
import FlowLoading
import FlowModel
import Foundation
import Glibc
import Testing

/// Whatever starts a compiler ends all of it: its frontend has a process group of its own.
@Suite("The end of a compilation", .timeLimit(.minutes(5)))
struct EndingTests {
    /// The compiler looks for types here for as long as it is let.
    private static let endless = """
        import FlowDSL
        let f = { (a, b, c, d) in [a: b + c * d - 1.5, 2: a - b * 3 + c / 4.0 - d, 3: (a + b) * (c - d) + 2 - 1.0 * 4] }
        @main struct Endless: Flow { var body: some FlowBody { shell("a", "true") } }
        """

    /// Processes with the folder in their command line.
    private func marked(_ folder: TemporaryFolder) -> [String] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.filter { Int($0) != nil } ?? []
        return numbers.compactMap { number in
            FileManager.default.contents(atPath: "/proc/\(number)/cmdline").map { String(decoding: $0, as: UTF8.self) }
        }
        .filter { $0.contains(folder.path) }
    }

    private func loader(_ folder: TemporaryFolder, compileSeconds: Double) throws -> FlowLoader {
        var environment = try Shared.environment()
        environment["FLOW_CACHE"] = folder.path + "/cache"
        return FlowLoader(environment: environment, compileSeconds: compileSeconds)
    }

    @Test func `a cancelled one leaves no process behind`() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(Self.endless, to: "endless.swift")
        let loader = try loader(folder, compileSeconds: 120)
        let task = Task { await outcome(file, loader) }
        while !marked(folder).contains(where: { $0.contains("-frontend") }) { try await Task.sleep(for: .milliseconds(10)) }
        task.cancel()
        guard case .failure(let error) = await task.value else { return #expect(Bool(false)) }
        #expect(error.message.contains("cancelled"))
        #expect(marked(folder) == [])
    }

    /// Some programs cannot deal with more descriptors, or look at every number up to the limit.
    @Test func `it gets the limit of descriptors that this process was started with`() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            try #require(getrlimit(files, &limit) == 0 && limit.rlim_max > 300)
            limit.rlim_cur = 300
            try #require(setrlimit(files, &limit) == 0)
            #expect(flow_raise_descriptor_limit(16) == UInt64(limit.rlim_max))
            let note = "/tmp/flow-limit-\(getpid())"
            defer { unlink(note) }
            let words: [String] = ["sh", "-c", "ulimit -Sn >\(note)"]
            var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
            var environment: [UnsafeMutablePointer<CChar>?] = [nil]
            let (path, nowhere) = (strdup("/bin/sh"), open("/dev/null", O_WRONLY | O_CLOEXEC))
            var child = flow_confined()
            (child.path, child.out, child.err, child.report) = (UnsafePointer(path), nowhere, nowhere, -1)
            var (pid, stage): (pid_t, UnsafePointer<CChar>?) = (0, nil)
            let code = arguments.withUnsafeMutableBufferPointer { arguments in
                environment.withUnsafeMutableBufferPointer { environment in
                    child.argv = UnsafePointer(arguments.baseAddress)
                    child.envp = UnsafePointer(environment.baseAddress)
                    return flow_confine_spawn(&child, &pid, &stage)
                }
            }
            try #require(code == 0)
            for _ in 0..<4_000 where FileManager.default.contents(atPath: note)?.last != 0x0A { usleep(5_000) }
            _ = flow_confine_end(pid)
            #expect(FileManager.default.contents(atPath: note) == Data("300\n".utf8))
        }
    }

    @Test func `neither does one past its limit`() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(Self.endless, to: "endless.swift")
        guard case .failure(let error) = await outcome(file, try loader(folder, compileSeconds: 1.5)) else { return #expect(Bool(false)) }
        #expect(error.message.contains("did not finish within 2 s"))
        #expect(marked(folder) == [])
    }
}
