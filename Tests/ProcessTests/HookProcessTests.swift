import FlowCrypto
import FlowTestKit
import Foundation
import Testing

/// Signed requests from outside, over HTTP, at a real flowd.
@Suite("Hooks of a server", .serialized, .timeLimit(.minutes(5)))
struct HookProcessTests {
    private struct Hook {
        let url: String
        let secret: String

        /// What is sent, and how it is signed: by default now, and rightly.
        func post(_ id: String, _ body: String, agoSeconds: Int = 0, secret: String? = nil) async throws -> (status: Int, body: [String: Any]) {
            let timestamp = "\(Int(Date.now.timeIntervalSince1970) - agoSeconds)"
            let key = try #require(Data(base64Encoded: String((secret ?? self.secret).dropFirst(6))))
            let code = HMAC.sha256.code(of: Array("\(id).\(timestamp).\(body)".utf8), key: Array(key))
            let curl = try Program(
                "/usr/bin/curl",
                [
                    "-sS", "-w", "\n%{http_code}", "-d", body, "-H", "webhook-id: \(id)", "-H", "webhook-timestamp: \(timestamp)", "-H",
                    "webhook-signature: v1,\(Data(code).base64EncodedString())", url,
                ], environment: [:], in: "/")
            await curl.ended()
            let lines = curl.output.split(separator: "\n")
            let json = try JSONSerialization.jsonObject(with: Data(lines.dropLast().joined(separator: "\n").utf8)) as? [String: Any]
            return (Int(lines.last ?? "") ?? 0, json ?? [:])
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl")))
    func `a signed request starts one run; a replay, an old one, a wrong signature and a wrong type start none, and say why`() async throws {
        let place = try Installation()
        let port = try Loopback.freePort()
        try "listen: 127.0.0.1:\(port)\n".write(toFile: place.home + "/flowd.yaml", atomically: true, encoding: .utf8)
        var flowd = try await place.flowd()
        #expect(try await place.flowctl("flow", "add", Installation.fixtures + "/counted.swift").status == 0)
        let made = try await place.flowctl("hook", "add", "push", "counted", "--take", "count=/release/count", "-o", "json").json()
        let hook = Hook(url: "http://127.0.0.1:\(port)/v1/hooks/push", secret: try #require(made["secret"] as? String))
        let good = #"{"release":{"count":3}}"#

        let first = try await hook.post("m1", good)
        #expect(first.status == 201, "\(first)")
        let run = try #require(first.body["run"] as? String)
        let other = "whsec_" + Data([UInt8](repeating: 7, count: 32)).base64EncodedString()
        let refused = [
            try await hook.post("m2", good, agoSeconds: 600), try await hook.post("m2", good, agoSeconds: -600),
            try await hook.post("m2", good, secret: other),
        ]
        for answer in refused { #expect(answer.status == 401, "\(answer)") }
        let mistyped = try await hook.post("m2", #"{"release":{"count":"three"}}"#)
        #expect((400..<500).contains(mistyped.status) && mistyped.status != 401, "\(mistyped)")
        let errors = mistyped.body["errors"] as? [[String: Any]] ?? []
        #expect(errors.compactMap { $0["subject"] as? String } == ["count"], "\(mistyped)")

        // The record of what was delivered outlives the engine.
        await flowd.kill()
        flowd = try await place.flowd()
        let replay = try await hook.post("m1", good)
        #expect(replay.status == 200 && replay.body["run"] as? String == run, "\(replay)")
        // What was mistyped has used nothing up.
        #expect(try await hook.post("m2", good).status == 201)
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }
        #expect(try await place.flowctl("list", "--flow", "counted", "-o", "json").items().count == 2)
        await flowd.terminate()
    }
}
