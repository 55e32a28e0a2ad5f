import FlowAPI
import FlowEngine
import FlowHTTP
import FlowModel
import FlowWire
import NIOCore
import NIOHTTP1
import Testing

@Suite("Output over HTTP", .timeLimit(.minutes(1)))
struct OutputRouteTests {
    @Test func `output is plain text from any offset, whatever the bytes are`() async throws {
        try await Harness.run { harness in
            harness.outputs.append("<script>alert(1)</script>\u{1B}[31m")
            let run = try await harness.start("one")
            _ = try await harness.run(run.id) { $0.state.isTerminal }
            let path = "/v1/runs/\(run.id)/steps/hello/attempts/1/output"
            let whole = try await harness.client.get(path, as: "viewer")
            #expect(whole.headers["content-type"] == "text/plain; charset=utf-8")
            #expect(whole.headers["content-disposition"]?.hasPrefix("attachment") == true)
            #expect(whole.headers["flow-output-complete"] == "true")
            #expect(whole.text.hasPrefix("<script>"))
            #expect(try await harness.client.get(path + "?offset=8", as: "viewer").body == Array(whole.body.dropFirst(8)))
            #expect(try await harness.client.get(path + "?offset=1000000", as: "viewer").body.isEmpty)
            #expect(try await harness.client.get(path + "?offset=-1", as: "viewer").status == 400)
            #expect(try await harness.client.get(path + "?stream=etc", as: "viewer").status == 400)
            #expect(
                try await harness.client.get("/v1/runs/\(run.id)/steps/hello/attempts/2/output", as: "viewer").status == 404)
            #expect(
                try await harness.client.get("/v1/runs/\(run.id)/steps/..%2F..%2Fetc/attempts/1/output", as: "viewer").status
                    == 404)
        }
    }

    @Test func `followed output grows with the attempt and ends with it`() async throws {
        try await Harness.run { harness in
            harness.hands.hold("hello")
            let run = try await harness.start("one")
            _ = try await harness.run(run.id) { $0.steps?.first?.state == .running }
            harness.outputs.append("one ")
            let response = try await harness.client.open(
                "GET", "/v1/runs/\(run.id)/steps/hello/attempts/1/output?follow=true", token: "token-viewer")
            #expect(response.headers["flow-output-complete"] == "false")
            var text = ""
            for try await piece in response {
                text += String(decoding: piece, as: UTF8.self)
                if text == "one " {
                    harness.outputs.append("two")
                    harness.hands.release("hello")
                }
            }
            #expect(text == "one two")
        }
    }

    @Test func `a blob is stored under its digest and no other`() async throws {
        try await Harness.run { harness in
            let bytes = Array("plan".utf8)
            let digest = TestPreparation.digest("plan")
            #expect(try await harness.client.send("HEAD", "/v1/blobs/\(digest)", token: "token-author").status == 404)
            #expect(
                try await harness.client.send("PUT", "/v1/blobs/\(digest)", token: "token-author", body: bytes).status == 204)
            #expect(try await harness.client.send("HEAD", "/v1/blobs/\(digest)", token: "token-author").status == 204)
            #expect(
                try await harness.client.send("PUT", "/v1/blobs/\(digest)", token: "token-author", body: Array("other".utf8))
                    .status == 400)
            #expect(try await harness.client.send("PUT", "/v1/blobs/xyz", token: "token-author", body: bytes).status == 400)
            let large = try await RawConnection.exchange(
                port: harness.port,
                "PUT /v1/blobs/\(digest) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token-author\r\nContent-Length: 268435457\r\n\r\n"
            )
            #expect(large.hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test func `a backup is streamed to admins`() async throws {
        try await Harness.run { harness in
            let reply = try await harness.client.get("/v1/backup", as: "admin")
            #expect(reply.text == "SQLite-ish")
            #expect(reply.headers["content-length"] == "10")
        }
    }
}
