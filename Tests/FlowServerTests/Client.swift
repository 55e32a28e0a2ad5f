import AsyncHTTPClient
import FlowModel
import FlowServer
import FlowWire
import Foundation
import NIOCore
import NIOHTTP1

/// Asks a server over its socket.
struct Client: Sendable {
    let socket: String

    func send(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]
    ) async throws -> (status: Int, body: [UInt8]) {
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        let host = socket.utf8.map { String(format: "%%%02X", $0) }.joined()
        var request = HTTPClientRequest(url: "http+unix://\(host)\(path)")
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        do {
            let response = try await client.execute(request, timeout: .seconds(20))
            let bytes = try await response.body.collect(upTo: 64 << 20)
            try await client.shutdown()
            return (Int(response.status.code), Array(bytes.readableBytesView))
        } catch {
            try await client.shutdown()
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
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        let host = socket.utf8.map { String(format: "%%%02X", $0) }.joined()
        var text = ""
        do {
            let response = try await client.execute(
                HTTPClientRequest(url: "http+unix://\(host)/v1/runs/\(run)/events"), timeout: .seconds(60))
            for try await piece in response.body {
                text += String(buffer: piece)
                if isSeen(text) { break }
            }
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
        return text
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
