import FlowModel
import FlowTestKit
import Foundation
import Testing
import Workers

@Suite("SSH host keys", .enabled(if: needsLab == nil, "needs root and sshd"), .timeLimit(.minutes(1)))
struct SSHHostKeyTests {
    private static let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

    private static var talkative: LabOptions {
        var options = LabOptions()
        options.logLevel = "DEBUG1"
        return options
    }

    /// Nothing of authentication reached the server: not even the wish for the service.
    private func expectNoAuthentication(_ lab: SSHLab, _ host: LabHost) async throws {
        try await eventually("the server saw no connection") { lab.log(of: host).contains("[preauth]") }
        let log = lab.log(of: host)
        #expect(log.contains("KEX done") || log.contains("kex: algorithm"), "the log is too quiet to show anything")
        #expect(!log.contains("userauth-request"))
        #expect(!log.contains("ssh-userauth"))
    }

    /// The key that the daemon has now. While it begins anew it may cut a connection that it has taken, or still show the old one.
    private func newKey(of host: LabHost, not old: HostKey, _ pool: SSHPool) async -> HostKey? {
        for _ in 0..<200 {
            let keys = try? await HostKeyScan(pool: pool).keys(address: host.host.address, port: host.host.port)
            if let key = keys?.first, key.fingerprint != old.fingerprint { return key }
            // A cancelled test looks no more.
            if (try? await Task.sleep(for: .milliseconds(50))) == nil { return nil }
        }
        return nil
    }

    @Test func `the probe sees an authentication where there is one`() async throws {
        try await withLab(options: Self.talkative) { lab, pool in
            _ = try await pool.run("true", on: lab.hosts[0].host)
            #expect(lab.log(of: lab.hosts[0]).contains("userauth-request"))
        }
    }

    @Test func `a host whose key changed is refused before authentication, with both fingerprints`() async throws {
        try await withLab(options: Self.talkative) { lab, pool in
            let host = lab.hosts[0]
            let before = HostKey(text: host.host.hostKeys[0])
            try await lab.changeHostKey(of: host)
            let after = try #require(await newKey(of: host, not: before, pool))
            let error = try #require(await transportError { _ = try await pool.run("true", on: host.host) })
            #expect(error.phase == .hostKey)
            #expect(!error.isTransient)
            #expect(!error.mayHaveRun)
            #expect(error.message.contains(before.fingerprint ?? "no fingerprint"))
            #expect(error.message.contains(after.fingerprint ?? "no fingerprint"))
            try await expectNoAuthentication(lab, host)
        }
    }

    @Test func `a host without a key in the inventory is refused with its fingerprint and the command that accepts it`()
        async throws
    {
        try await withLab(options: Self.talkative) { lab, pool in
            var host = lab.hosts[0].host
            let key = HostKey(text: host.hostKeys[0])
            host.hostKeys = []
            let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
            #expect(error.phase == .hostKey)
            #expect(error.message.contains(key.fingerprint ?? "no fingerprint"))
            #expect(error.message.contains("flowctl inventory add lab-1"))
            try await expectNoAuthentication(lab, lab.hosts[0])
        }
    }

    @Test func `a server without a key of the types in the inventory is refused before authentication`() async throws {
        try await withLab(options: Self.talkative) { lab, pool in
            var host = lab.hosts[0].host
            host.hostKeys = ["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDMNyQ9"]
            let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
            #expect(error.phase == .hostKey)
            #expect(!error.isTransient)
            #expect(!lab.log(of: lab.hosts[0]).contains("userauth-request"))
        }
    }

    @Test func `any of several keys in the inventory will do, of any type`() async throws {
        try await withLab { lab, pool in
            var host = lab.hosts[0].host
            let keys = try await HostKeyScan(pool: pool).keys(address: host.address, port: host.port)
            #expect(keys.map(\.type) == ["ssh-ed25519", "ecdsa-sha2-nistp256"])
            host.hostKeys = [Self.other, "\(keys[0].type) \(keys[0].base64) a comment"]
            try await pool.expect("echo in", on: host, says: "in\n")
            host.hostKeys = ["\(keys[1].type) \(keys[1].base64)"]
            try await pool.expect("echo in", on: host, says: "in\n")
        }
    }

    @Test func `fingerprints are those of ssh-keygen`() {
        #expect(HostKey(text: Self.other).fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU")
        #expect(HostKey(text: "ssh-ed25519 nonsense").fingerprint == nil)
        #expect(HostKey(text: "").fingerprint == nil)
    }

    @Test(arguments: [
        "-oProxyCommand=touch /tmp/pwned", "a b", "$(id)", "", "host\nname", "a;b", String(repeating: "a", count: 300),
    ])
    func `an address that is not one is refused before anything is looked up`(address: String) async throws {
        let pool = try SSHPool()
        let host = FlowModel.Host(name: "odd", address: address, hostKeys: [Self.other])
        let error = await transportError { _ = try await pool.transport(to: host).open("true") }
        #expect(error?.phase == .resolve)
        #expect(error?.isTransient == false)
        await pool.shutDown()
    }
}
