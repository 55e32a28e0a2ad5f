import FlowModel
import Foundation
import Glibc

/// A real `flowd` in a process and a directory of its own, as an operator starts it.
final class ServerUnderTest {
    let home: String
    let port: Int
    private let process: Process

    private static let startSeconds = 20.0

    /// Returns when it serves.
    /// - Parameter inventory: an inventory file.
    init(in directory: String, inventory: String? = nil) async throws {
        home = directory + "/home"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try "listen: 127.0.0.1:0\n".write(toFile: home + "/flowd.yaml", atomically: true, encoding: .utf8)
        let log = home + "/log"
        guard FileManager.default.createFile(atPath: log, contents: nil), let sink = FileHandle(forWritingAtPath: log) else {
            throw BenchmarkFailure("cannot write \(log)")
        }
        let process = Process()
        process.executableURL = Bundle.main.bundleURL.appendingPathComponent("flowd")
        process.arguments = ["--home", home] + (inventory.map { ["--inventory", $0] } ?? [])
        process.standardError = sink
        process.standardOutput = sink
        try process.run()
        self.process = process
        do {
            port = try await ServerUnderTest.port(in: log, while: { process.isRunning })
        } catch {
            process.terminate()
            process.waitUntilExit()
            throw error
        }
    }

    /// The port that the log names, once it does.
    private static func port(in log: String, while isRunning: () -> Bool) async throws -> Int {
        let end = ContinuousClock.now + .seconds(startSeconds)
        while ContinuousClock.now < end, isRunning() {
            let text = try String(contentsOfFile: log, encoding: .utf8)
            if let match = text.firstMatch(of: /serving address=127\.0\.0\.1:(\d+)/), let port = Int(match.1) { return port }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw BenchmarkFailure("flowd did not serve: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
    }

    // MARK: What it costs

    /// Seconds of CPU that the process has used so far, in all its threads.
    func cpuSeconds() throws -> Double {
        var clock = clockid_t()
        guard clock_getcpuclockid(process.processIdentifier, &clock) == 0 else { throw BenchmarkFailure("flowd is gone") }
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Megabytes of memory that the process holds, files that it has mapped included.
    func residentMegabytes() throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        guard let match = status.firstMatch(of: /VmRSS:\s+(\d+) kB/), let kilobytes = Double(match.1) else {
            throw BenchmarkFailure("flowd is gone")
        }
        return kilobytes / 1024
    }

    /// Connections that it has with hosts and clients.
    func openSockets() throws -> Int {
        let folder = "/proc/\(process.processIdentifier)/fd"
        return try FileManager.default.contentsOfDirectory(atPath: folder).count {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)"))?.hasPrefix("socket:") ?? false
        }
    }

    // MARK: What is said to it

    /// Over the socket, as its owner; a connection for each request. Throws unless it answers with a success.
    func ask(_ method: String, _ path: String, _ body: String = "") throws -> Data {
        let connection = try HTTPConnection(socket: home + "/flow.sock")
        defer { connection.close() }
        let answer = try connection.exchange(HTTPConnection.request(method, path, body: body))
        guard (200..<300).contains(answer.status) else {
            throw BenchmarkFailure("\(method) \(path): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
        return answer.body
    }

    /// A token for requests over TCP.
    func token() throws -> String {
        struct Token: Decodable { var token: String }
        return try JSONDecoder().decode(Token.self, from: ask("POST", "/v1/tokens", #"{"name":"flow-bench"}"#)).token
    }

    func register(_ plan: Plan) throws {
        let json = String(decoding: try JSONEncoder().encode(plan), as: UTF8.self)
        _ = try ask("PUT", "/v1/flows/\(plan.flow)", #"{"plan":\#(json)}"#)
    }

    // MARK: Its end

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// As a power cut does it, but for the disk.
    func kill() {
        _ = Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
