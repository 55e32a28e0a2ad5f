import FlowCrypto
import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Testing

/// Files that steps have fetched: listed, downloaded, kept as long as their run.
@Suite("Artifacts of runs", .timeLimit(.minutes(2)))
struct ArtifactTests {
    private func fetch(_ name: String, _ path: String, artifact: String? = nil, after needs: [String] = []) -> Node {
        let spec = FetchSpec(path: .literal(.string(path)), artifact: artifact.map { .literal(.string($0)) })
        return Node(id: name, name: name, kind: .work(Work(spec)), needs: needs)
    }

    private func settled(_ run: RunID, _ client: Client) async throws -> Wire.Run {
        _ = try await client.events(of: run) { $0.contains(Wire.Record.endName) }
        return try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run)")
    }

    @Test(arguments: [0, 1_000, 300_000])
    func `an artifact is listed, downloaded from any offset, taken by a copy, and goes with its run`(size: Int) async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let place = try TemporaryHome()
        defer { place.remove() }
        let content = (0..<size).map { _ in UInt8.random(in: 0...255) }
        try place.write("in", content)
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let copy = CopySpec(from: .output(node: "log", path: ["file"]), to: .literal(.string("\(place.path)/out")), mode: "0640")
        let run = try await client.start(
            "fetches",
            [
                fetch("log", "\(place.path)/in", artifact: "an \"odd\" näme"),
                Node(id: "copy", name: "copy", kind: .copy(copy), needs: ["log"]),
            ])
        let ended = try await settled(run.id, client)
        #expect(ended.state == .succeeded, "\(ended.steps?.map { $0.reason ?? "" } ?? [])")
        #expect(try place.read("out") == content)
        let list = try await client.value(Wire.Page<Wire.Artifact>.self, "GET", "/v1/runs/\(run.id)/artifacts")
        #expect(list.items.map(\.step) == [StepPath("log")] && list.next == nil)
        let item = try #require(list.items.first)
        #expect(item.sha256 == Digest(of: content) && item.bytes == size && item.name == "an \"odd\" näme" && item.target == nil)
        let path = "/v1/runs/\(run.id)/steps/log/artifact"
        for offset in Set([0, size / 3, max(0, size - 1), size]) {
            let (status, bytes) = try await client.send("GET", "\(path)?offset=\(offset)")
            #expect(status == 200 && bytes == Array(content.dropFirst(offset)), "from \(offset): \(status), \(bytes.count) bytes")
        }
        #expect(try await client.send("GET", "\(path)?offset=\(size + 1)").status == 400)
        #expect(try await client.send("GET", "/v1/runs/\(run.id)/steps/copy/artifact").status == 404)
        try await server.close()

        let store = try SQLiteStore.open(in: home.path, now: Instant(milliseconds: 0))
        defer { try? store.close() }
        let later = Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) + 2 * StoreLimits.blobGraceSeconds
        func sweep() async throws -> Bool {
            _ = try store.removeBlobs(try await store.unusedBlobs(storedBefore: later), storedBefore: later)
            return try await store.blob(item.sha256) == nil
        }
        #expect(try await !sweep(), "its run is kept")
        #expect(try await store.verify() == [])
        while try store.deleteRuns(endedBefore: later, limit: 10).hasMore {}
        #expect(try await sweep(), "its run is gone")
        #expect(try await store.unnamedBlobFiles() == 0)
    }

    @Test func `an artifact that was taken away is an error, and no empty file`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let place = try TemporaryHome()
        defer { place.remove() }
        let content = [UInt8](repeating: 7, count: 200_000)
        try place.write("in", content)
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let run = try await client.start("fetches", [fetch("log", "\(place.path)/in")])
        _ = try await settled(run.id, client)
        let digest = Digest(of: content).hex
        let file = "\(home.path)/blobs/\(digest.prefix(2))/\(digest.dropFirst(2))"
        let path = "/v1/runs/\(run.id)/steps/log/artifact"
        // Cut: what was announced does not come, and nobody takes it for the whole.
        try #require(truncate(file, 70_000) == 0)
        await #expect(throws: (any Error).self) { try await client.send("GET", path) }
        try FileManager.default.removeItem(atPath: file)
        #expect(try await client.send("GET", path).status >= 500)
        try await server.close()
    }

    @Test func `many are listed in pages, those of fetches alone`() async throws {
        try await withServer { client, home in
            let place = try TemporaryHome()
            defer { place.remove() }
            try place.write("in", [1, 2, 3])
            let nodes = (0..<5).flatMap { [fetch("f\($0)", "\(place.path)/in"), Nodes.shell("s\($0)", "true")] } + [fetch("absent", "/nowhere/file")]
            let run = try await client.start("many", nodes)
            _ = try await settled(run.id, client)
            var (steps, after) = ([String](), String?.none)
            repeat {
                let query = "limit=2" + (after.map { "&after=\($0)" } ?? "")
                let page = try await client.value(Wire.Page<Wire.Artifact>.self, "GET", "/v1/runs/\(run.id)/artifacts?\(query)")
                steps += page.items.map(\.step.text)
                after = page.next
            } while after != nil
            #expect(steps == (0..<5).map { "f\($0)" })
        }
    }
}
