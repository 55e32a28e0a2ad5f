import FlowHTTP
import FlowTestKit
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
        request.tls.authorities = authorities.map { .file($0) }
        return request
    }

    private func fault(_ client: HTTP.Client, _ request: HTTP.Request, _ then: @Sendable () -> Void = {}) async throws -> HTTP.TLSFault? {
        defer { then() }
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
            #expect(try await fault(client, request(good.port, "\(folder)/good.key")) == .authorities("\(folder)/good.key"))
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
            asked.tls.certificate = .file("\(folder)/client.pem")
            asked.tls.key = .file("\(folder)/client.key")
            try await succeeds(client, asked)
            #expect(try await fault(client, request(server.port, "\(folder)/server.pem")) == .clientCertificateWanted)
            asked.tls.certificate = .file("\(folder)/stranger.pem")
            asked.tls.key = .file("\(folder)/stranger.key")
            #expect(try await fault(client, asked) == .clientCertificateWanted)
            asked.tls.key = .file("\(folder)/client.key")
            guard case .clientCertificate(let why) = try await fault(client, asked) else {
                Issue.record("the key of another certificate was taken")
                return
            }
            #expect(why.contains("\(folder)/stranger.pem with \(folder)/client.key: "), "\(why)")
            asked.tls.certificate = .file("\(folder)/none.pem")
            #expect(try await fault(client, asked) == .unreadable("\(folder)/none.pem cannot be read: No such file or directory"))
            // What was read elsewhere, and is on no disk.
            func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))) }
            asked.tls = try HTTP.Request.TLS(
                authorities: .bytes(bytes("server.pem")), certificate: .bytes(bytes("client.pem")), key: .bytes(bytes("client.key")))
            try await succeeds(client, asked)
            asked.tls.certificate = .bytes([])
            guard case .clientCertificate = try await fault(client, asked) else {
                Issue.record("no certificate was taken")
                return
            }
            asked.tls.certificate = .bytes([UInt8](repeating: 0, count: (4 << 20) + 1))
            guard case .unreadable = try await fault(client, asked) else {
                Issue.record("4 MB of certificates were taken")
                return
            }
            await client.close()
        }
    }

    @Test func `files of certificates are read outside the loop, and within bounds`() async throws {
        try await withFolder { folder in
            try certificate(folder, "good")
            mkfifo("\(folder)/silent", 0o600)
            try Data().write(to: URL(filePath: "\(folder)/large"))
            truncate("\(folder)/large", (4 << 20) + 1)
            try Data().write(to: URL(filePath: "\(folder)/empty"))
            let server = try TLSServer(folder, "good")
            let client = HTTP.Client()
            var silent = request(server.port, "\(folder)/silent")
            silent.times.connect = 2
            let isOver = Shared(false)
            async let said = fault(client, silent) { isOver.change { $0 = true } }
            async let second = fault(client, silent)
            // Meanwhile the loop is there for everybody else.
            try await succeeds(client, request(server.port, "\(folder)/good.pem"))
            #expect(!isOver.value)
            for said in [try await said, try await second] {
                guard case .unreadable(let why) = said else {
                    Issue.record("a pipe that says nothing was read: \(said.debugDescription)")
                    continue
                }
                #expect(why.hasPrefix("\(folder)/silent") && (why.contains("nobody wrote to it") || why.contains("within 2.0 s")), "\(why)")
            }
            for (file, why) in [
                ("none", "No such file or directory"), ("large", "it is larger than 4194304 bytes"), ("", "it is neither a file nor a pipe"),
                ("good.pem/x", "Not a directory"),
            ] {
                let said = try await fault(client, request(server.port, "\(folder)/\(file)"))
                #expect(said == .unreadable("\(folder)/\(file) cannot be read: \(why)"))
            }
            let device = try await fault(client, request(server.port, "/dev/zero"))
            #expect(device == .unreadable("/dev/zero cannot be read: it is neither a file nor a pipe"))
            #expect(try await fault(client, request(server.port, "\(folder)/empty")) == .authorities("\(folder)/empty"))
            await client.close()
        }
    }

    /// `--ca <(…)`.
    @Test func `a pipe is read once for all connections`() async throws {
        try await withFolder { folder in
            try certificate(folder, "good")
            let server = try TLSServer(folder, "good")
            let client = HTTP.Client()
            let pipe = Pipe()
            try pipe.fileHandleForWriting.write(contentsOf: Data(contentsOf: URL(filePath: "\(folder)/good.pem")))
            try pipe.fileHandleForWriting.close()
            var asked = request(server.port, "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)")
            asked.mayBeRepeated = false
            for _ in 0..<3 { try await succeeds(client, asked) }
            // One whose writer takes its time, for several at once.
            mkfifo("\(folder)/fifo", 0o600)
            var slow = request(server.port, "\(folder)/fifo")
            slow.mayBeRepeated = false
            let text = try Data(contentsOf: URL(filePath: "\(folder)/good.pem"))
            Thread.detachNewThread {
                usleep(200_000)
                guard let writer = FileHandle(forWritingAtPath: "\(folder)/fifo") else { return }
                for byte in stride(from: 0, to: text.count, by: 100) {
                    try? writer.write(contentsOf: text[byte..<min(byte + 100, text.count)])
                    usleep(20_000)
                }
                try? writer.close()
            }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<5 { group.addTask { [slow] in try await client.send(slow).status } }
                for try await status in group { #expect(status == 200) }
            }
            await client.close()
        }
    }

    /// In a process of its own: the keys are looked for once in a process.
    @Test func `keys of connections are written nowhere`() async throws {
        try await withFolder { folder in
            let tool = Process()
            tool.executableURL = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            tool.arguments = ["--testing-library", "swift-testing", "--filter", "TLSTests.*a server that wants a certificate"]
            tool.environment = ProcessInfo.processInfo.environment.merging(["SSLKEYLOGFILE": "\(folder)/keys"]) { $1 }
            let out = Pipe()
            tool.standardOutput = FileHandle.nullDevice
            tool.standardError = out
            try tool.run()
            let said = String(decoding: try out.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            tool.waitUntilExit()
            #expect(tool.terminationStatus == 0 && said.contains("with 1 test in 1 suite passed"), "\(said)")
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/keys"))
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
