import FlowAPI
import FlowEngine
import FlowHTTP
import FlowModel
import FlowWire
import Glibc
import HTTPTypes
import NIOCore
import NIOHTTP1
import Testing

@Suite("Route table", .timeLimit(.minutes(1)))
struct RouteMatrixTests {
    /// A path of the route that names nothing: what is allowed answers that there is no such thing.
    private func path(_ route: Route) -> String {
        var path = route.path
        let values = ["id": "01890000-0000-7000-8000-000000000000", "sha256": String(repeating: "0", count: 64), "n": "1"]
        for name in route.parameterNames { path = path.replacing("{\(name)}", with: values[name] ?? "nothing") }
        return path
    }

    @Test func `every route lets in exactly whom the table says`() async throws {
        try await Harness.run { harness in
            for route in Routes.all {
                let method = route.method.rawValue
                let body: [UInt8]? = ["POST", "PUT"].contains(method) ? Array("{}".utf8) : nil
                func status(_ token: String?) async throws -> Int {
                    try await harness.client.send(method, path(route), token: token, body: body).status
                }
                guard case .role(let needed) = route.access else {
                    #expect(try await status(nil) == (route.verb == "hook.deliver" ? 401 : 200), "\(route.verb) is open to anyone")
                    continue
                }
                #expect(try await status(nil) == 401, "\(route.verb) without a token")
                #expect(try await status("wrong") == 401, "\(route.verb) with a wrong token")
                #expect(try await status("") == 401, "\(route.verb) with an empty token")
                #expect(try await status("token-nobody") == 403, "\(route.verb) for a person with a free group only")
                for role in Role.allCases {
                    let found = try await status("token-\(role.rawValue)")
                    if role < needed {
                        #expect(found == 403, "\(route.verb) as \(role)")
                    } else {
                        #expect(![401, 403, 500].contains(found), "\(route.verb) as \(role) gave \(found)")
                    }
                }
            }
        }
    }

    @Test func `what is not in the table is not found, however it is spelt`() async throws {
        try await Harness.run { harness in
            let paths = [
                "/v1", "/v1/", "/v2/runs", "/V1/runs", "/v1/runs;x=1", "/v1/runs%2F", "/v1/%72uns/x/y/z",
                "/v1/runs/../users/x/y",
                "/admin", "/.env", "/v1/users/x/links/y",
            ]
            for path in paths {
                let reply = try await harness.client.send("GET", path, token: "token-admin")
                #expect([400, 404].contains(reply.status), "\(path) gave \(reply.status)")
                #expect(reply.headers["content-type"] == "application/problem+json")
            }
            for method in ["OPTIONS", "TRACE", "PATCH", "DELETE", "PROPFIND", "FOO"] {
                let reply = try await harness.client.send(method, "/v1/runs")
                #expect([400, 404].contains(reply.status), "\(method) gave \(reply.status)")
            }
            #expect(try await harness.client.send("HEAD", "/v1/runs").status == 404)
        }
    }

    @Test func `spellings that the router takes for a route meet that route's rule`() async throws {
        try await Harness.run { harness in
            for path in ["//v1/runs", "/v1//runs", "/v1/runs/", "//v1/users"] {
                let reply = try await harness.client.send("GET", path)
                #expect([401, 404].contains(reply.status), "\(path) gave \(reply.status)")
            }
        }
    }

    @Test func `every verb and every path with its method stands in the table once`() {
        let verbs = Routes.all.map(\.verb)
        #expect(Set(verbs).count == verbs.count)
        let places = Routes.all.map { "\($0.method) \($0.path)" }
        #expect(Set(places).count == places.count)
    }

    @Test func `an operator starts registered flows and nothing of their own`() async throws {
        try await Harness.run { harness in
            #expect(try await harness.client.post("/v1/runs", ["flow": "one"], as: "operator").status == 201)
            for body in [
                #"{"exec":{"selector":"web-1","command":"id"}}"#, #"{"planDigest":"\#(String(repeating: "0", count: 64))"}"#,
            ] {
                let reply = try await harness.client.send("POST", "/v1/runs", token: "token-operator", body: Array(body.utf8))
                #expect(reply.status == 403, "\(body)")
                #expect(try reply.problem.code == .forbidden)
            }
        }
    }

    @Test func `nobody makes, sees or revokes another's tokens but an admin`() async throws {
        @Sendable func check(_ status: Int, _ reply: Reply) { #expect(reply.status == status) }
        try await Harness.run { harness in
            check(201, try await harness.client.post("/v1/tokens", ["name": "t"], as: "bob"))
            check(201, try await harness.client.post("/v1/tokens", ["name": "t", "user": "bob"], as: "bob"))
            check(403, try await harness.client.post("/v1/tokens", ["name": "t", "user": "alice"], as: "bob"))
            check(201, try await harness.client.post("/v1/tokens", ["name": "t", "user": "alice"], as: "root"))
            check(403, try await harness.client.get("/v1/tokens?all=true", as: "bob"))
            check(404, try await harness.client.send("DELETE", "/v1/tokens/of-alice", token: "token-bob"))
            check(204, try await harness.client.send("DELETE", "/v1/tokens/of-bob", token: "token-bob"))
            check(204, try await harness.client.send("DELETE", "/v1/tokens/of-alice", token: "token-root"))
        }
    }

    @Test func `on the socket the kernel says who asks, and a user without a role may do nothing`() async throws {
        try await Harness.run { harness in
            let refused = try await harness.socketClient.send("GET", "/v1/me")
            #expect(refused.status == 403)
            #expect(try refused.problem.hint?.contains("flowctl user add") == true)
            harness.identities.socketRoles.value = ["viewer"]
            let reply = try await harness.socketClient.send("GET", "/v1/me")
            #expect(reply.status == 200)
            #expect(reply.text.contains("os:uid\(getuid())"))
            #expect(try await harness.socketClient.send("GET", "/v1/me", token: "wrong").status == 401)
        }
    }
}
