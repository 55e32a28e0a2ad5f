import FlowModel
import FlowTestKit
import Foundation
import Glibc
import Testing
import Workers

@Suite("SSH sessions", .enabled(if: needsLab == nil, "needs root and sshd"), .timeLimit(.minutes(1)))
struct SSHSessionTests {
    private func logins(_ lab: SSHLab, _ host: LabHost) -> Int {
        lab.log(of: host).split(separator: "\n").count { $0.contains("Accepted publickey for ops") }
    }

    @Test func `commands one after the other share one login`() async throws {
        try await withLab { lab, pool in
            for number in 0..<20 {
                try await pool.expect("echo \(number)", on: lab.hosts[0].host, says: "\(number)\n")
            }
            #expect(logins(lab, lab.hosts[0]) == 1)
        }
    }

    @Test func `a server that allows two channels gets as many sessions as the commands need`() async throws {
        var options = LabOptions()
        options.sshdLines = ["MaxSessions 2"]
        try await withLab(options: options) { lab, pool in
            _ = lab
            try await atOnce(12, on: lab.hosts[0].host, pool)
        }
    }

    @Test func `a server with OpenSSH's own MaxSessions serves sixty at once`() async throws {
        var options = LabOptions()
        options.withDefaultServer = true
        try await withLab(options: options) { lab, pool in
            try await atOnce(60, on: try #require(lab.defaultHost).host, pool)
        }
    }

    @Test func `sixty logins at once succeed by back-off on a server with OpenSSH's own MaxStartups`() async throws {
        var options = LabOptions()
        options.withDefaultServer = true
        var limits = SSHLimits()
        limits.handshakesPerHost = 60
        limits.sessionsPerHost = 60
        limits.channelsPerSession = 1
        try await withLab(options: options, limits: limits) { lab, pool in
            let host = try #require(lab.defaultHost)
            try await atOnce(60, on: host.host, pool)
            #expect(lab.log(of: host).contains("drop connection"), "the server refused nobody: nothing was tested")
        }
    }

    private func atOnce(_ count: Int, on host: FlowModel.Host, _ pool: SSHPool) async throws {
        try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<count { group.addTask { try await pool.run("sleep 0.1; echo \(number)", on: host).text } }
            let texts = try await group.reduce(into: Set<String>()) { $0.insert($1) }
            #expect(texts == Set((0..<count).map { "\($0)\n" }))
        }
    }

    @Test func `killing the sshd of a connection is a lost stream that may have run`() async throws {
        try await withLab { lab, pool in
            let host = lab.hosts[0]
            let channel = try await pool.transport(to: host.host).open("echo here; sleep 30")
            let first = try await channel.next()
            #expect(first == .stdout(Array("here\n".utf8)))
            for process in host.connections() { kill(process, SIGKILL) }
            let error = await transportError { _ = try await channel.next() }
            #expect(error?.phase == .stream)
            #expect(error?.mayHaveRun == true)
            #expect(error?.message.contains("lab-1") == true)
            try await pool.expect("echo again", on: host.host, says: "again\n")
        }
    }

    @Test func `a session that died while idle costs the next command nothing`() async throws {
        try await withLab { lab, pool in
            let host = lab.hosts[0]
            _ = try await pool.run("true", on: host.host)
            for process in host.connections() { kill(process, SIGKILL) }
            try await pool.expect("echo alive", on: host.host, says: "alive\n")
        }
    }

    @Test func `a session that froze while idle is replaced within the channel deadline`() async throws {
        var limits = SSHLimits()
        limits.channel = .milliseconds(500)
        try await withLab(limits: limits) { lab, pool in
            let host = lab.hosts[0]
            _ = try await pool.run("true", on: host.host)
            let frozen = host.connections()
            #expect(!frozen.isEmpty)
            for process in frozen { kill(process, SIGSTOP) }
            try await pool.expect("echo alive", on: host.host, says: "alive\n")
        }
    }

    @Test func `a host that falls silent in the midst of a command is a lost stream`() async throws {
        var limits = SSHLimits()
        limits.keepalive = .milliseconds(200)
        limits.keepaliveAnswer = .milliseconds(400)
        try await withLab(limits: limits) { lab, pool in
            let host = lab.hosts[0]
            let channel = try await pool.transport(to: host.host).open("echo here; sleep 30")
            let first = try await channel.next()
            #expect(first == .stdout(Array("here\n".utf8)))
            for process in host.connections() { kill(process, SIGSTOP) }
            let error = await transportError { _ = try await channel.next() }
            #expect(error?.phase == .stream)
            #expect(error?.mayHaveRun == true)
            #expect(error?.message.contains("silent") == true)
        }
    }

    @Test func `a quiet command outlives many keepalives`() async throws {
        var limits = SSHLimits()
        limits.keepalive = .milliseconds(50)
        limits.keepaliveAnswer = .milliseconds(500)
        try await withLab(limits: limits) { lab, pool in
            try await pool.expect("sleep 1; echo end", on: lab.hosts[0].host, says: "end\n")
        }
    }

    @Test func `idle sessions end`() async throws {
        var limits = SSHLimits()
        limits.idle = .milliseconds(100)
        try await withLab(limits: limits) { lab, pool in
            _ = try await pool.run("true", on: lab.hosts[0].host)
            try await eventually("the session stayed") { lab.hosts[0].connections().isEmpty }
        }
    }

    /// Sockets of this process to a port, whatever state they are in.
    private func sockets(to port: Int) throws -> Int {
        let remote = ":" + String(port, radix: 16, uppercase: true)
        let table = try String(contentsOfFile: "/proc/self/net/tcp", encoding: .utf8).split(separator: "\n").dropFirst()
        let nodes = table.map { $0.split(separator: " ") }.filter { $0[2].hasSuffix(remote) }.map { "socket:[\($0[9])]" }
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        return open.count { nodes.contains($0) }
    }

    @Test func `whichever way a session ends, its socket is closed`() async throws {
        var limits = SSHLimits()
        limits.idle = .milliseconds(200)
        try await withLab(limits: limits) { lab, pool in
            let host = lab.hosts[0]
            let port = host.host.port
            // Idle for too long.
            _ = try await pool.run("true", on: host.host)
            try await eventually("the socket of an idle session stayed") { try sockets(to: port) == 0 }
            // Cut by the server, while idle and while a command runs.
            for command in ["true", "echo; sleep 30"] {
                let channel = try await pool.transport(to: host.host).open(command)
                _ = try await channel.next()
                for process in host.connections() { kill(process, SIGKILL) }
                try await eventually("the socket of a lost session stayed") { try sockets(to: port) == 0 }
                channel.close()
            }
            // Logged in nowhere.
            _ = try await HostKeyScan(pool: pool).keys(address: host.host.address, port: port)
            var other = host.host
            other.hostKeys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHxFcNXx4eVbUkL5j4fV9kHO2OSbx4FGLxoqEQb1bDJ1"]
            await expectError(.hostKey) { _ = try await pool.run("true", on: other) }
            other = host.host
            other.user = "nobody"
            await expectError(.authenticate) { _ = try await pool.run("true", on: other) }
            try await eventually("the socket of a refused login stayed") { try sockets(to: port) == 0 }
            // With the pool, idle and in use.
            let running = try await pool.transport(to: host.host).open("sleep 30")
            await pool.shutDown()
            #expect(try sockets(to: port) == 0)
            running.close()
        }
        try await withLab { lab, pool in
            _ = try await pool.run("true", on: lab.hosts[0].host)
            await pool.shutDown()
            #expect(try sockets(to: lab.hosts[0].host.port) == 0)
        }
    }

    @Test func `of too many idle sessions the oldest ends`() async throws {
        var limits = SSHLimits()
        limits.idleSessions = 2
        try await withLab(3, limits: limits) { lab, pool in
            for host in lab.hosts { _ = try await pool.run("true", on: host.host) }
            try await eventually("the first session stayed") { lab.hosts[0].connections().isEmpty }
            #expect(!lab.hosts[1].connections().isEmpty)
            #expect(!lab.hosts[2].connections().isEmpty)
        }
    }

    @Test func `a pool that is shut down refuses and leaves nothing behind`() async throws {
        try await withLab { lab, pool in
            let running = try await pool.transport(to: lab.hosts[0].host).open("sleep 30")
            await pool.shutDown()
            await expectError(.stream) { _ = try await running.next() }
            await expectError(.connect) { _ = try await pool.run("true", on: lab.hosts[0].host) }
            try await eventually("a connection stayed") { lab.hosts[0].connections().isEmpty }
        }
    }

    @Test func `a cancelled wish for a command is withdrawn`() async throws {
        try await withLab { lab, pool in
            let server = try HostileServer(.silent, identityFile: lab.identityFile)
            let opening = Task { try await pool.transport(to: server.host).open("true") }
            try await eventually("no connection came") { server.connectionCount == 1 }
            opening.cancel()
            await #expect(throws: CancellationError.self) { _ = try await opening.value }
            server.stop()
        }
    }
}
