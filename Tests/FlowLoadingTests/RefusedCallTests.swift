import CFlowShims
import FlowLoading
import Foundation
import Testing

/// `Tests/Fixtures/RefusedCalls` tries what no flow file may do, under the confinement that flow files are evaluated in.
@Suite("System calls of an evaluation", .enabled(if: Confinement.level().seccomp), .timeLimit(.minutes(10)))
struct RefusedCallTests {
    @Test func `none of the table gets through, and nothing is left of any`() async throws {
        let victim = Process()
        victim.executableURL = URL(filePath: "/bin/sleep")
        victim.arguments = ["1000"]
        // Whoever waits for the output of the tests must not wait for it, too.
        (victim.standardInput, victim.standardOutput, victim.standardError) = (
            FileHandle.nullDevice, FileHandle.nullDevice, FileHandle.nullDevice
        )
        try victim.run()
        defer { kill(victim.processIdentifier, SIGKILL) }
        let before = try Self.surrounding(victim.processIdentifier)
        let end = try await confined("all", "\(victim.processIdentifier)")
        #expect(end.output.split(separator: "\n").dropLast() == [], "these got through")
        #expect(end.output.hasSuffix(" tried\n") && end.status == 0, "\(end)")
        #expect(victim.isRunning)
        #expect(try Self.surrounding(victim.processIdentifier) == before)
        // What a call in the table would have left: shared memory, a queue, semaphores, a file.
        #expect(shmget(0x464c_4f57, 0, 0) == -1 && msgget(0x464c_4f57, 0) == -1 && semget(0x464c_4f57, 0, 0) == -1)
        #expect(!FileManager.default.fileExists(atPath: "/tmp/flow-was-here"))
    }

    /// A new process; and what on x86-64 would be the same calls by the numbers of other ABIs, which the filter does not look at.
    @Test(arguments: ["new-process"] + otherNumbers)
    func `a call that would pass by the filter ends the program`(_ what: String) async throws {
        let end = try await confined(what)
        #expect(end.status & 0x7F == SIGSYS, "\(end)")
    }

    #if arch(x86_64)
        private static let otherNumbers = ["x32", "i386"]
    #else
        private static let otherNumbers: [String] = []
    #endif

    /// What the calls would change of the machine and of another process: names, limits, priority, niceness, processors and policy.
    private static func surrounding(_ process: pid_t) throws -> [String] {
        func text(_ path: String) throws -> String { String(decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self) }
        let fields = try text("/proc/\(process)/stat").split(separator: " ")
        let processors = try text("/proc/\(process)/status").split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
        return try [
            text("/proc/sys/kernel/hostname"), text("/proc/sys/kernel/domainname"), text("/proc/\(process)/limits"), String(fields[17]),
            String(fields[18]), String(fields[40]), String(try #require(processors)),
        ]
    }

    /// Where Swift's runtime is, which every program that the package manager links asks for.
    private static func runtime() throws -> [String] {
        // To its end: of such a file `contents(atPath:)` gives the first page.
        let maps = String(decoding: try #require(FileHandle(forReadingAtPath: "/proc/self/maps")).readDataToEndOfFile(), as: UTF8.self)
        let files = maps.split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
        return files.first { $0.hasSuffix("/libswiftCore.so") }.map { [URL(filePath: $0).deletingLastPathComponent().path] } ?? []
    }

    private func confined(_ words: String...) async throws -> (status: CInt, output: String) {
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "refused-calls").path
        let texts = ([program] + words).map { strdup($0) } + [nil]
        let paths = ["/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache", program] + (try Self.runtime())
        let readable = paths.map { UnsafePointer<CChar>?(strdup($0)) } + [nil]
        let folder = strdup("/")
        defer {
            for text in texts + readable.map({ UnsafeMutablePointer(mutating: $0) }) + [folder] { free(text) }
        }
        var ends: [CInt] = [-1, -1]
        try #require(flow_confine_pipe(&ends) == 0)
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var (pid, stage): (pid_t, UnsafePointer<CChar>?) = (0, nil)
        let error = texts.withUnsafeBufferPointer { argv in
            environment.withUnsafeMutableBufferPointer { envp in
                readable.withUnsafeBufferPointer { readable in
                    var child = flow_confined()
                    child.path = UnsafePointer(argv[0])
                    child.argv = argv.baseAddress
                    child.envp = UnsafePointer(envp.baseAddress)
                    child.folder = UnsafePointer(folder)
                    (child.out, child.err, child.report) = (ends[1], ends[1], -1)
                    child.confined = 1
                    child.readable = readable.baseAddress
                    return flow_confine_spawn(&child, &pid, &stage)
                }
            }
        }
        close(ends[1])
        try #require(error == 0, "\(stage.map { String(cString: $0) } ?? "")")
        let output = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true).readDataToEndOfFile()
        var status: CInt = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return (status, String(decoding: output, as: UTF8.self))
    }
}
