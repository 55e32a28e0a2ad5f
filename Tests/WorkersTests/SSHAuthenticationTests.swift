import FlowModel
import FlowTestKit
import Foundation
import Glibc
import Testing
import Workers

/// Serialized: the agent is found by an environment variable, which the process has one of.
@Suite("SSH authentication", .serialized, .enabled(if: needsLab == nil, "needs root and sshd"), .timeLimit(.minutes(1)))
struct SSHAuthenticationTests {
    @Test func `an account that does not take the key is refused with what would be taken`() async throws {
        try await withLab { lab, pool in
            var host = lab.hosts[0].host
            host.user = "nobody"
            let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
            #expect(error.phase == .authenticate)
            #expect(!error.isTransient)
            #expect(error.message.contains("refused user 'nobody' with key SHA256:"))
            #expect(error.message.contains("it accepts publickey"))
        }
    }

    @Test func `a key that asks for a passphrase is refused with a word on what to do`() async throws {
        try await withLab { lab, pool in
            var host = lab.hosts[0].host
            for format in [[], ["-m", "PEM"]] {
                let key = lab.directory + "/sealed\(format.count)"
                let type = format.isEmpty ? "ed25519" : "ecdsa"
                try await finish("ssh-keygen -q -t \(type) -N secret -f \(key) \(format.joined(separator: " "))")
                host.identityFile = key
                let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
                #expect(error.phase == .authenticate)
                #expect(error.message.contains("asks for a passphrase. Add it to ssh-agent"))
            }
        }
    }

    @Test func `a key that has been through an editor of Windows logs in`() async throws {
        try await withLab { lab, pool in
            let text = try String(contentsOfFile: lab.identityFile, encoding: .utf8)
            for (name, written) in [
                ("crlf", text.replacing("\n", with: "\r\n")), ("mark", "\u{FEFF}" + text), ("cr", text.replacing("\n", with: "\r")),
            ] {
                var host = lab.hosts[0].host
                host.identityFile = lab.directory + "/" + name
                _ = FileManager.default.createFile(
                    atPath: lab.directory + "/" + name, contents: Data(written.utf8), attributes: [.posixPermissions: 0o600])
                try await pool.expect("echo in", on: host, says: "in\n")
            }
        }
    }

    @Test func `a key that others may read, is missing or is none is refused`() async throws {
        try await withLab { lab, pool in
            let open = lab.directory + "/open"
            try FileManager.default.copyItem(atPath: lab.identityFile, toPath: open)
            chmod(open, 0o644)
            let garbage = lab.directory + "/garbage"
            _ = FileManager.default.createFile(
                atPath: garbage, contents: Data("no key".utf8), attributes: [.posixPermissions: 0o600])
            for (file, words) in [(open, "chmod 600"), (garbage, "is not a private key"), ("/nonexistent", "No such file")] {
                var host = lab.hosts[0].host
                host.identityFile = file
                let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
                #expect(error.phase == .authenticate)
                #expect(!error.isTransient)
                #expect(error.message.contains(words), "\(error.message)")
            }
        }
    }

    @Test func `without a key file the agent is asked, and without one the error says so`() async throws {
        try await withLab { lab, pool in
            var host = lab.hosts[0].host
            host.identityFile = nil
            unsetenv("SSH_AUTH_SOCK")
            let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
            #expect(error.phase == .authenticate)
            #expect(error.message.contains("SSH_AUTH_SOCK names no agent"))

            let socket = lab.directory + "/agent"
            let agent = try await ChildProcess.start(
                Launch(program: .path("/usr/bin/ssh-agent"), arguments: ["ssh-agent", "-D", "-a", socket]))
            defer { agent.kill() }
            try await eventually("no agent") { FileManager.default.fileExists(atPath: socket) }
            setenv("SSH_AUTH_SOCK", socket, 1)
            defer { unsetenv("SSH_AUTH_SOCK") }
            let empty = try #require(await transportError { _ = try await pool.run("true", on: host) })
            #expect(empty.message.contains("no key of the agent"), "\(empty.message)")

            try await finish("ssh-add -q \(lab.identityFile)", environment: ["SSH_AUTH_SOCK": socket])
            try await pool.expect("echo by agent", on: host, says: "by agent\n")
        }
    }

    @Test func `an agent that never answers ends by the authentication deadline`() async throws {
        var limits = SSHLimits()
        limits.authenticate = .milliseconds(400)
        try await withLab(limits: limits) { lab, pool in
            let path = lab.directory + "/mute"
            let mute = try UnixListener(path)
            defer { mute.close() }
            setenv("SSH_AUTH_SOCK", path, 1)
            defer { unsetenv("SSH_AUTH_SOCK") }
            var host = lab.hosts[0].host
            host.identityFile = nil
            let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
            #expect(error.phase == .authenticate)
            #expect(error.message.contains("within 0.4 seconds"))
            // And the thread that asked it is free again: with a key the host can be reached, many times over.
            for _ in 0..<20 { try await pool.expect("echo on", on: lab.hosts[0].host, says: "on\n") }
        }
    }

    @Test func `a server whose key command hangs ends by the authentication deadline`() async throws {
        var limits = SSHLimits()
        limits.authenticate = .milliseconds(400)
        try await withLab(limits: limits) { lab, pool in
            var host = lab.hosts[0].host
            host.user = "hang"
            let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
            #expect(error.phase == .authenticate)
            #expect(error.message.contains("within 0.4 seconds"))
            #expect(!error.mayHaveRun)
        }
    }

    private func finish(_ command: String, environment: [String: String] = [:]) async throws {
        let done = try await runHere(command, environment: environment)
        try #require(done.status == 0, "\(String(decoding: done.stderr, as: UTF8.self))")
    }
}

/// A socket that takes connections and says nothing.
private struct UnixListener {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(descriptor, 8) == 0)
    }

    func close() { Glibc.close(descriptor) }
}
