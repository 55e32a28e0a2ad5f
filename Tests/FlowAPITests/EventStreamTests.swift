import FlowAPI
import FlowEngine
import FlowHTTP
import FlowModel
import FlowWire
import NIOCore
import NIOHTTP1
import Testing

@Suite("Event streams", .timeLimit(.minutes(1)))
struct EventStreamTests {
    private struct Message: Equatable {
        var id: String?
        var event: String?
        var data = ""
    }

    private func messages(_ text: String) -> [Message] {
        text.components(separatedBy: "\n\n").compactMap { block in
            var message = Message()
            for line in block.split(separator: "\n") {
                if line.hasPrefix("id: ") { message.id = String(line.dropFirst(4)) }
                if line.hasPrefix("event: ") { message.event = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { message.data += line.dropFirst(6) }
            }
            return message.event == nil ? nil : message
        }
    }

    @Test func `the stream of an ended run is its journal and an end`() async throws {
        try await Harness.run { harness in
            let run = try await harness.start("two")
            let ended = try await harness.run(run.id) { $0.state.isTerminal }
            let reply = try await harness.client.get("/v1/runs/\(run.id)/events", as: "viewer")
            #expect(reply.headers["content-type"]?.hasPrefix("text/event-stream") == true)
            let all = messages(reply.text)
            #expect(all.last == Message(id: nil, event: "end", data: #"{"state":"succeeded"}"#))
            let records = try all.dropLast().map { try JSON.parse($0.data).decode(as: Wire.Record.self) }
            #expect(records.map(\.sequence) == records.map(\.sequence).sorted())
            #expect(records.last?.sequence == ended.sequence)
            let kinds = records.flatMap { $0.events.compactMap { $0["kind"]?.stringValue } }
            #expect(kinds.first == "created")
            #expect(kinds.filter { $0 == "stepSettled" }.count == 2)
        }
    }

    @Test func `wherever it is cut, Last-Event-ID resumes without loss or repetition`() async throws {
        try await Harness.run { harness in
            let run = try await harness.start("two")
            _ = try await harness.run(run.id) { $0.state.isTerminal }
            let whole = messages(try await harness.client.get("/v1/runs/\(run.id)/events", as: "viewer").text)
            for (position, message) in whole.enumerated() {
                guard let id = message.id else { continue }
                let rest = try await harness.client.send(
                    "GET", "/v1/runs/\(run.id)/events", token: "token-viewer", headers: ["last-event-id": id])
                #expect(messages(rest.text) == Array(whole[(position + 1)...]))
                let byQuery = try await harness.client.get("/v1/runs/\(run.id)/events?after=\(id)", as: "viewer")
                #expect(messages(byQuery.text) == Array(whole[(position + 1)...]))
            }
            #expect(try await harness.client.get("/v1/runs/\(run.id)/events?after=x", as: "viewer").status == 400)
        }
    }

    @Test(arguments: ["events", "steps/second/attempts/1/output?follow=true"])
    func `a stream ends when whoever has it open may no longer see it`(_ path: String) async throws {
        try await Harness.run(heartbeatSeconds: 0.2) { harness in
            harness.hands.hold("second")
            let run = try await harness.start("two")
            _ = try await harness.run(run.id) { $0.steps?.last?.state == .running }
            let response = try await harness.client.open("GET", "/v1/runs/\(run.id)/\(path)", token: "token-viewer")
            #expect(response.status == 200)
            let ended = Task {
                for try await _ in response {}
            }
            try await Task.sleep(for: .seconds(1))
            #expect(harness.hub.count == 1, "it stays while the token is good")
            harness.identities.revoked.value = ["token-viewer"]
            await #expect(throws: (any Error).self) { try await ended.value }
            harness.hands.release("second")
        }
    }

    @Test func `what happens while the stream is open arrives on it`() async throws {
        try await Harness.run { harness in
            harness.hands.hold("second")
            let run = try await harness.start("two")
            let response = try await harness.client.open("GET", "/v1/runs/\(run.id)/events", token: "token-viewer")
            var text = ""
            var isReleased = false
            for try await piece in response {
                text += String(decoding: piece, as: UTF8.self)
                if !isReleased, text.contains(#""step":"second""#), text.contains("attemptStarted") {
                    isReleased = true
                    harness.hands.release("second")
                }
            }
            #expect(isReleased)
            #expect(messages(text).last?.event == "end")
        }
    }

    @Test func `a follower that goes away is forgotten`() async throws {
        try await Harness.run { harness in
            harness.hands.hold("hello")
            let run = try await harness.start("one")
            func streams() async throws -> String {
                let text = try await harness.client.get("/metrics", as: "viewer").text
                return text.split(separator: "\n").last { $0.hasPrefix("flow_streams ") }.map(String.init) ?? ""
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let response = try await harness.client.open("GET", "/v1/runs/\(run.id)/events", token: "token-viewer")
                    for try await _ in response {}
                }
                while try await streams() != "flow_streams 1.0" { await Task.yield() }
                group.cancelAll()
            }
            while try await streams() != "flow_streams 0.0" { await Task.yield() }
            harness.hands.release("hello")
        }
    }

    @Test func `an open stream does not keep the server from stopping`() async throws {
        // The harness stops the server while this stream is open, and fails when that takes too long.
        try await Harness.run { harness in
            harness.hands.hold("hello")
            let run = try await harness.start("one")
            let response = try await harness.client.open("GET", "/v1/runs/\(run.id)/events", token: "token-viewer")
            var iterator = response.makeAsyncIterator()
            #expect(try await iterator.next() != nil)
        }
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
