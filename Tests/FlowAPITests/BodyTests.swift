import FlowAPI
import FlowEngine
import FlowHTTP
import FlowModel
import FlowWire
import NIOCore
import NIOHTTP1
import Testing

@Suite("Request bodies", .timeLimit(.minutes(1)))
struct BodyTests {
    private func post(_ harness: Harness, _ body: String) async throws -> Reply {
        try await harness.client.send("POST", "/v1/runs", token: "token-alice", body: Array(body.utf8))
    }

    @Test func `a body of more than 1 MiB is refused with 413, also when its length was not announced`() async throws {
        try await Harness.run { harness in
            let large = [UInt8](repeating: 0x20, count: Limits.jsonBodyBytes + 1)
            let announced = try await harness.client.send("POST", "/v1/runs", token: "token-alice", body: large)
            #expect(announced.status == 413)
            #expect(try announced.problem.code == .tooLarge)
            let fits = try await harness.client.send(
                "POST", "/v1/runs", token: "token-alice",
                body: Array(#"{"flow":"one"}"#.utf8) + [UInt8](repeating: 0x20, count: Limits.jsonBodyBytes - 14))
            #expect(fits.status == 201)
            let chunked = try await RawConnection.exchange(
                port: harness.port,
                "POST /v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token-alice\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + String(repeating: "10000\r\n" + String(repeating: " ", count: 0x10000) + "\r\n", count: 17) + "0\r\n\r\n")
            #expect(chunked.hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test func `nesting is measured before anything is decoded`() async throws {
        try await Harness.run { harness in
            func nested(_ depth: Int) -> String {
                #"{"flow":"one","inputs":{"a":"# + String(repeating: "[", count: depth - 2)
                    + String(repeating: "]", count: depth - 2) + "}}"
            }
            #expect(try await post(harness, nested(64)).status == 201)
            let deep = try await post(harness, nested(65))
            #expect(deep.status == 400)
            #expect(try deep.problem.detail.contains("nested deeper than 64"))
            #expect(try await post(harness, String(repeating: "[", count: 500_000)).status == 400)
        }
    }

    @Test(arguments: [
        "{", "nul", "{\"flow\":\"one\"} x", "{\"flow\":\"one\",\"flow\":\"two\"}", "\"\\u0000\"", "[]", "3", "{\"flow\":3}",
        "{\"flow\":\"one\",\"inputs\":[]}", "{\"flow\":\"one\",\"labels\":{\"a\":1}}", "{\"plan\":{\"format\":1}}",
    ])
    func `what is not the JSON asked for is refused with 400 and a reason`(body: String) async throws {
        try await Harness.run { harness in
            let reply = try await post(harness, body)
            #expect(reply.status == 400, "\(body): \(reply.text)")
            #expect(try reply.problem.detail.hasPrefix("Nothing was done"))
        }
    }

    @Test func `unknown fields are named, with what was probably meant`() async throws {
        try await Harness.run { harness in
            let reply = try await post(harness, #"{"flow":"one","inptus":{},"exec":{"selector":"a","command":"b","colour":1}}"#)
            #expect(reply.status == 400)
            let problem = try reply.problem
            #expect(problem.errors?.map(\.subject) == ["exec.colour", "inptus"])
            #expect(problem.errors?.last?.message.contains("inputs") == true)
        }
    }

    @Test func `inputs are data: their names and nesting are nobody's fields`() throws {
        let json = try JSON.parse(#"{"flow":"a","inputs":{"x":{"y":[1,null,{"z":2.5}]}},"labels":{"k":"v"}}"#)
        let start = try StrictDecoder.decode(Wire.Start.self, from: json)
        #expect(start.inputs == ["x": ["y": [1, .null, ["z": 2.5]]]])
        #expect(start.labels == ["k": "v"])
    }

    @Test func `every plan survives the way through JSON and the strict decoder`() throws {
        for plan in Plans.all {
            let json = try JSON(encoding: plan)
            #expect(try StrictDecoder.decode(Plan.self, from: json) == plan)
        }
    }

    @Test func `an unknown field deep in a plan is found`() throws {
        guard case .object(var members) = try JSON(encoding: Plans.two), case .array(var nodes)? = members["steps"],
            case .object(var node) = nodes[1]
        else {
            Issue.record("the plan is not an object of nodes")
            return
        }
        node["timeuot"] = 3
        nodes[1] = .object(node)
        members["steps"] = .array(nodes)
        #expect { try StrictDecoder.decode(Plan.self, from: .object(members)) } throws: { error in
            (error as? FlowError)?.errors.map(\.subject) == ["steps.1.timeuot"]
        }
    }

    @Test(arguments: ["a b", "ä", "deploy[web-1]/switch", "%", "a/b?c#d", "🙂"])
    func `a segment survives percent coding`(text: String) {
        #expect(PercentCoding.decode(PercentCoding.encode(text)) == text)
    }

    @Test(arguments: ["%", "%4", "%zz", "%00", "%ff", "%c3"])
    func `broken percent coding is refused`(text: String) {
        #expect(PercentCoding.decode(text) == nil)
    }

    @Test func `header limits end a request with a client's error, and the server goes on`() async throws {
        try await Harness.run { harness in
            let many = (0..<5_000).map { "X-\($0): a\r\n" }.joined()
            let reply = try await RawConnection.exchange(port: harness.port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\(many)\r\n")
            #expect(!reply.hasPrefix("HTTP/1.1 2"))
            #expect(try await harness.client.send("GET", "/healthz").status == 200)
        }
    }
}
