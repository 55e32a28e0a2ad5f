import FlowTestKit
import Foundation
import Testing

/// A real flowd with a certificate of its own authority, and people who trust it or do not.
@Suite("TLS, for people", .timeLimit(.minutes(5)))
struct TLSTests {
    private func certificate(in folder: String, _ name: String) throws {
        let tool = Process()
        tool.executableURL = URL(filePath: "/usr/bin/openssl")
        tool.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=flow", "-addext",
            "subjectAltName=IP:127.0.0.1", "-days", "90", "-keyout", "\(folder)/\(name).key", "-out", "\(folder)/\(name).pem",
        ]
        tool.standardError = Pipe()
        try tool.run()
        tool.waitUntilExit()
        #expect(tool.terminationStatus == 0)
    }

    @Test func `an own authority is named with --ca or SSL_CERT_FILE, and a renewed certificate is served at SIGHUP`() async throws {
        let place = try Place()
        try place.makeHome()
        let home = place.folder.appending(path: ".flow").path
        try certificate(in: home, "flow")
        let served = try await Served.start(in: place, settings: "tls: {certificate: flow.pem, key: flow.key}\n")
        let token = try await served.token("ada", role: "viewer")
        var environment = served.environment(token: token)
        let before = "\(home)/before.pem"
        try FileManager.default.copyItem(atPath: "\(home)/flow.pem", toPath: before)

        let untrusted = try await place.run("list", environment: environment)
        #expect(untrusted.status == 5)
        #expect(untrusted.err.contains("--ca FILE"), "\(untrusted.err)")
        #expect(try await place.run("list", "--ca", before, environment: environment).status == 0)
        let none = try await place.run("list", "--ca", "\(home)/none.pem", environment: environment)
        #expect(none.status == 5)
        #expect(none.err.contains("none.pem cannot be read"))
        environment["SSL_CERT_FILE"] = before
        #expect(try await place.run("list", environment: environment).status == 0)

        try certificate(in: home, "flow")
        served.hangUp()
        try await fact("the certificate is read again") { served.log.contains("certificate read again") }
        #expect(try await place.run("list", environment: environment).status == 5)
        environment["SSL_CERT_FILE"] = "\(home)/flow.pem"
        #expect(try await place.run("list", environment: environment).status == 0)

        try place.writeHome("flow.key", "nonsense")
        served.hangUp()
        try await fact("a bad key is told") { served.log.contains("The one from before is served on") }
        #expect(served.log.contains("flow.key cannot be read as a private key"))
        #expect(try await place.run("list", environment: environment).status == 0)
        await served.stop()
        try await place.leave()
    }

    @Test func `a server that does not speak TLS is said to, in words of its own`() async throws {
        let place = try Place()
        try place.makeHome()
        let served = try await Served.start(in: place)
        var environment = served.environment(token: try await served.token("ada", role: "viewer"))
        environment["FLOW_SERVER"] = environment["FLOW_SERVER"]?.replacing("http://", with: "https://")
        let plain = try await place.run("list", environment: environment)
        #expect(plain.status == 5 && plain.err.contains("it does not speak TLS there"), "\(plain.err)")
        #expect(!plain.err.contains("NIOSSL") && !plain.err.contains(".swift"), "\(plain.err)")
        await served.stop()
        try await place.leave()
    }

    @Test func `--ca without TLS is refused`() async throws {
        let place = try Place()
        #expect(try await place.run("list", "--ca", "x.pem").status == 2)
        #expect(try await place.run("list", "--server", "http://127.0.0.1:1", "--ca", "x.pem").status == 2)
        try await place.leave()
    }
}
