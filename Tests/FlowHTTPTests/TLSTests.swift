import FlowHTTP
import Foundation
import Glibc
import Testing

/// OpenSSL's own server with a certificate, on a free port of loopback.
private final class TLSServer {
    let port: Int
    private let tool = Process()

    init(_ folder: String, _ name: String, _ more: [String] = []) throws {
        tool.executableURL = URL(filePath: "/usr/bin/openssl")
        tool.arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", "\(name).pem", "-key", "\(name).key", "-www"] + more
        tool.currentDirectoryURL = URL(filePath: folder)
        let out = Pipe()
        tool.standardInput = FileHandle.nullDevice
        tool.standardOutput = out
        tool.standardError = FileHandle.nullDevice
        try tool.run()
        var said = ""
        while !said.contains("ACCEPT") || !said.hasSuffix("\n") {
            let piece = out.fileHandleForReading.availableData
            guard !piece.isEmpty else { throw Failed(words: [said]) }
            said += String(decoding: piece, as: UTF8.self)
        }
        guard let port = said.split(separator: ":").last.flatMap({ Int($0.prefix { $0.isNumber }) }) else { throw Failed(words: [said]) }
        self.port = port
    }

    deinit { kill(tool.processIdentifier, SIGKILL) }
}

@Suite("TLS of the HTTP client", .timeLimit(.minutes(1)))
struct TLSTests {
    /// `NAME.pem` and `NAME.key`, signed by itself, for these names, good from and until these days.
    private func certificate(
        _ folder: String, _ name: String, _ names: String = "DNS:localhost,IP:127.0.0.1", from: String = "20200101000000Z",
        until: String = "21000101000000Z"
    ) throws {
        let settings = """
            [ca]
            default_ca = own
            [own]
            database = index.txt
            rand_serial = yes
            default_md = sha256
            policy = any
            x509_extensions = names
            [any]
            commonName = supplied
            [req]
            distinguished_name = dn
            [dn]
            [names]
            subjectAltName = \(names)
            basicConstraints = CA:true
            """
        try settings.write(toFile: "\(folder)/ca.cnf", atomically: true, encoding: .utf8)
        try "".write(toFile: "\(folder)/index.txt", atomically: true, encoding: .utf8)
        try run(
            [
                "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)", "-keyout",
                "\(name).key", "-out",
                "\(name).csr", "-config", "ca.cnf",
            ], in: folder)
        try run(
            [
                "openssl", "ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "\(name).key", "-in", "\(name).csr", "-out", "\(name).pem",
                "-outdir", ".", "-notext",
                "-startdate", from, "-enddate", until,
            ], in: folder)
    }

    private func request(_ port: Int, _ authorities: String?) -> HTTP.Request {
        var request = HTTP.Request("GET", "https://localhost:\(port)/", times: .short())
        request.tls.authorities = authorities
        return request
    }

    private func fault(_ client: HTTP.Client, _ request: HTTP.Request) async throws -> HTTP.TLSFault? {
        switch try await failure({ try await client.send(request) }) {
        case .tls(let fault): return fault
        case let other:
            Issue.record("\(other.debugDescription)")
            return nil
        }
    }

    @Test func `a certificate is believed by its signer, its name and its time`() async throws {
        try await withFolder { folder in
            try certificate(folder, "good")
            try certificate(folder, "other", "DNS:other.example")
            try certificate(folder, "expired", until: "20210101000000Z")
            try certificate(folder, "future", from: "20900101000000Z")
            let client = HTTP.Client()
            let good = try TLSServer(folder, "good")
            try await succeeds(client, request(good.port, "\(folder)/good.pem"))
            // By nobody that this machine trusts, nor by an authority of another's.
            for authorities in [nil, "\(folder)/other.pem"] {
                let said = try await fault(client, request(good.port, authorities))
                guard case .notTrusted(let why) = said else {
                    Issue.record("\(String(describing: said))")
                    continue
                }
                #expect(why.contains("self-signed") || why.contains("self signed"), "\(why)")
            }
            let other = try TLSServer(folder, "other")
            let named = try await fault(client, request(other.port, "\(folder)/other.pem"))
            #expect(named == .wrongName("localhost"))
            let expired = try TLSServer(folder, "expired")
            #expect(try await fault(client, request(expired.port, "\(folder)/expired.pem")) == .expired)
            let future = try TLSServer(folder, "future")
            #expect(try await fault(client, request(future.port, "\(folder)/future.pem")) == .notYetValid)
            for file in ["none.pem", "good.key"] {
                #expect(try await fault(client, request(good.port, "\(folder)/\(file)")) == .authorities("\(folder)/\(file)"))
            }
            // A file that has become another is read anew.
            try certificate(folder, "renewed")
            try FileManager.default.removeItem(atPath: "\(folder)/good.pem")
            try FileManager.default.copyItem(atPath: "\(folder)/renewed.pem", toPath: "\(folder)/good.pem")
            let renewed = try TLSServer(folder, "renewed")
            try await succeeds(client, request(renewed.port, "\(folder)/good.pem"))
            await client.close()
        }
    }

    @Test func `a server that wants a certificate of ours`() async throws {
        try await withFolder { folder in
            try certificate(folder, "server")
            try certificate(folder, "client")
            try certificate(folder, "stranger")
            let client = HTTP.Client()
            let server = try TLSServer(folder, "server", ["-Verify", "1", "-CAfile", "client.pem", "-verify_return_error"])
            var asked = request(server.port, "\(folder)/server.pem")
            asked.tls.certificate = "\(folder)/client.pem"
            asked.tls.key = "\(folder)/client.key"
            try await succeeds(client, asked)
            #expect(try await fault(client, request(server.port, "\(folder)/server.pem")) == .clientCertificateWanted)
            asked.tls.certificate = "\(folder)/stranger.pem"
            asked.tls.key = "\(folder)/stranger.key"
            #expect(try await fault(client, asked) == .clientCertificateWanted)
            asked.tls.key = "\(folder)/client.key"
            guard case .clientCertificate = try await fault(client, asked) else {
                Issue.record("the key of another certificate was taken")
                return
            }
            asked.tls.certificate = "\(folder)/none.pem"
            guard case .clientCertificate = try await fault(client, asked) else {
                Issue.record("no certificate was taken")
                return
            }
            await client.close()
        }
    }

    @Test func `who does not speak TLS, or breaks it off`() async throws {
        try await withServer({ peer in
            _ = peer.isClosed(within: 1_000)
            peer.answer("400 Bad Request", [], "plain")
        }) { server, client in
            let said = try await fault(client, request(server.port, nil))
            #expect(said == .notTLS)
        }
        try await withServer({ peer in
            _ = peer.isClosed(within: 1_000)
            peer.reset()
        }) { server, client in
            guard case .other = try await fault(client, request(server.port, nil)) else {
                Issue.record("it was agreed on")
                return
            }
        }
    }
}
