import FlowHTTP
import FlowModel
import FlowServer
import FlowWire
import Foundation

/// Asks a server over its socket.
struct Client: Sendable {
    let socket: String

    func send(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]
    ) async throws -> (status: Int, body: [UInt8]) {
        try await ask(method, path, body, headers: headers, seconds: 20) { ($0.status, try await $0.collect(upTo: 64 << 20)) }
    }

    /// Sends a request over a connection of its own, and reads the answer with `read`.
    private func ask<Value>(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:], seconds: Double,
        read: (HTTP.Stream) async throws -> Value
    ) async throws -> Value {
        let client = HTTP.Client()
        var request = HTTP.Request(method, "http://localhost\(path)", times: HTTP.TimeLimits(whole: seconds), sizes: HTTP.SizeLimits(bodyBytes: nil))
        request.socket = socket
        for (name, value) in headers { request.headers.add(name, value) }
        if let body { request.body = .bytes(Array(body.utf8)) }
        do {
            let value = try await read(try await client.open(request))
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    func value<Value: Decodable>(_ type: Value.Type, _ method: String, _ path: String, _ body: String? = nil) async throws
        -> Value
    {
        let (status, bytes) = try await send(method, path, body)
        guard (200..<300).contains(status) else {
            throw try JSONDecoder().decode(Wire.Problem.self, from: Data(bytes)).error
        }
        return try JSONDecoder().decode(type, from: Data(bytes))
    }

    /// Starts a run of a plan with these nodes.
    func start(_ flow: String, _ nodes: [Node]) async throws -> Wire.Run {
        let plan = Plan(flow: flow, nodes: nodes, dsl: "test")
        let body = String(decoding: try JSONEncoder().encode(Wire.Start(plan: plan)), as: UTF8.self)
        return try await value(Wire.Run.self, "POST", "/v1/runs", body)
    }

    /// Reads the run's event stream until `isSeen` says so; returns everything read.
    func events(of run: RunID, until isSeen: (String) -> Bool) async throws -> String {
        try await ask("GET", "/v1/runs/\(run)/events", seconds: 60) { stream in
            var text = ""
            for try await piece in stream {
                text += String(decoding: piece, as: UTF8.self)
                if isSeen(text) { break }
            }
            return text
        }
    }
}

enum Nodes {
    static func approval(_ name: String, after needs: [String] = []) -> Node {
        Node(
            id: name, name: name,
            kind: .approval(ApprovalSpec(prompt: .literal("Go?"), rules: [.anyone(count: 1)], selfApproval: true)),
            needs: needs)
    }
    static func sleep(_ name: String, _ seconds: Double, after needs: [String] = []) -> Node {
        Node(id: name, name: name, kind: .sleep(.literal(.double(seconds))), needs: needs)
    }
    static func shell(_ name: String, _ command: String, after needs: [String] = []) -> Node {
        Node(id: name, name: name, kind: .shell(ShellSpec(source: .text(command))), needs: needs)
    }
}

/// Does `work` with a server in a home of its own.
func withServer(_ work: (Client, TemporaryHome) async throws -> Void) async throws {
    let home = try TemporaryHome()
    defer { home.remove() }
    let server = try await FlowServer.open(.init(home: home.path))
    do {
        try await work(Client(socket: server.socket), home)
    } catch {
        try await server.close()
        throw error
    }
    try await server.close()
}
