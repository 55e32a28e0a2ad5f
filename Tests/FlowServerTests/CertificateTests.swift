import FlowHTTP
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

/// Certificates as OpenSSL makes them.
struct TestCertificates {
    let folder: String

    private func openssl(_ words: String...) throws {
        let tool = Process()
        tool.executableURL = URL(filePath: "/usr/bin/openssl")
        tool.arguments = words
        tool.standardError = Pipe()
        tool.standardOutput = Pipe()
        try tool.run()
        tool.waitUntilExit()
        guard tool.terminationStatus == 0 else { throw FlowError(.internal, subject: "openssl", words.joined(separator: " ")) }
    }

    /// `NAME.pem` and `NAME.key`, for localhost and 127.0.0.1, good for so many days, signed by itself.
    func make(_ name: String, days: Int = 365) throws {
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "\(days)", "-keyout", "\(folder)/\(name).key", "-out", "\(folder)/\(name).pem")
    }
}

@Suite("TLS", .timeLimit(.minutes(2)))
struct CertificateTests {
    private func status(_ port: Int, trusting ca: String) async throws -> Int {
        let client = HTTP.Client()
        do {
            let status = try await client.send(request("/healthz", port, trusting: ca, seconds: 20)).status
            await client.close()
            return status
        } catch {
            await client.close()
            throw error
        }
    }

    private func request(_ path: String, _ port: Int, trusting ca: String, seconds: Double) -> HTTP.Request {
        var request = HTTP.Request("GET", "https://localhost:\(port)\(path)", times: HTTP.TimeLimits(whole: seconds))
        request.tls.authorities = .file(ca)
        return request
    }

    @Test func `a key of another certificate, and files that are none, are refused before anything is served, by name`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let certificates = TestCertificates(folder: home.path)
        try certificates.make("one")
        try certificates.make("two")
        try home.write("empty.pem", "")
        for (certificate, key, named) in [
            ("one.pem", "two.key", "two.key is not the key of the certificate in"), ("one.pem", "none.key", "none.key cannot be read"),
            ("none.pem", "one.key", "none.pem cannot be read"), ("empty.pem", "one.key", "empty.pem"), ("one.key", "one.key", "one.key"),
            ("one.pem", "one.pem", "one.pem cannot be read as a private key"),
        ] {
            try home.write("flowd.yaml", "listen: 127.0.0.1:0\ntls: {certificate: \(certificate), key: \(key)}\n")
            let error = await #expect(throws: FlowError.self) { try await FlowServer.open(.init(home: home.path)) }
            #expect(error?.message.contains(named) == true, "\(certificate) \(key): \(error?.message ?? "")")
            #expect(error?.code == .usage)
        }
    }

    @Test func `a renewed certificate is shown to who comes, streams go on, and a bad one changes nothing`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let certificates = TestCertificates(folder: home.path)
        try certificates.make("flow")
        try home.write("flowd.yaml", "listen: 127.0.0.1:0\ntls: {certificate: flow.pem, key: flow.key}\n")
        let server = try await FlowServer.open(.init(home: home.path))
        let port = try #require(server.port)
        let old = "\(home.path)/old.pem"
        try FileManager.default.copyItem(atPath: "\(home.path)/flow.pem", toPath: old)
        #expect(try await status(port, trusting: old) == 200)

        // Somebody follows a run with the old certificate meanwhile.
        let socket = Client(socket: server.socket)
        let run = try await socket.start("gate", [Nodes.approval("go")])
        let token = try #require(try await socket.value(Wire.Token.self, "POST", "/v1/tokens", #"{"name":"t"}"#).token)
        let client = HTTP.Client()
        var request = request("/v1/runs/\(run.id)/events", port, trusting: old, seconds: 60)
        request.headers.add("authorization", "Bearer \(token)")
        let stream = try await client.open(request)
        var pieces = stream.makeAsyncIterator()
        _ = try await pieces.next()

        try certificates.make("flow")
        server.reload()
        await #expect(throws: (any Error).self) { try await status(port, trusting: old) }
        #expect(try await status(port, trusting: "\(home.path)/flow.pem") == 200)

        let good = "\(home.path)/good.pem"
        try FileManager.default.copyItem(atPath: "\(home.path)/flow.pem", toPath: good)
        try certificates.make("other")
        try FileManager.default.removeItem(atPath: "\(home.path)/flow.key")
        try FileManager.default.copyItem(atPath: "\(home.path)/other.key", toPath: "\(home.path)/flow.key")
        server.reload()
        #expect(try await status(port, trusting: good) == 200)

        _ = try await socket.value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/kill", "{}")
        var text = ""
        while let piece = try await pieces.next() { text += String(decoding: piece, as: UTF8.self) }
        #expect(text.contains("event: end"), "the stream from before was cut: \(text)")
        await client.close()
        try await server.close()
    }

    @Test func `doctor tells of a certificate that ends soon, or has ended`() async throws {
        for (days, level) in [(365, Wire.Finding.Level.ok), (7, .warn)] {
            let home = try TemporaryHome()
            defer { home.remove() }
            try TestCertificates(folder: home.path).make("flow", days: days)
            try home.write("flowd.yaml", "listen: 127.0.0.1:0\ntls: {certificate: flow.pem, key: flow.key}\n")
            let server = try await FlowServer.open(.init(home: home.path))
            let findings = try await Client(socket: server.socket).value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items
            let found = try #require(findings.first { $0.name == "certificate" })
            #expect(found.level == level, "\(found)")
            #expect((found.hint != nil) == (level != .ok))
            try await server.close()
        }
        let home = try TemporaryHome()
        defer { home.remove() }
        try TestCertificates(folder: home.path).make("flow", days: 30)
        let certificate = try Certificate("\(home.path)/flow.pem", key: "\(home.path)/flow.key")
        #expect(certificate.finding(now: certificate.notAfter).level == .fail)
        #expect(certificate.finding(now: certificate.notAfter + -1).level == .warn)
    }
}
