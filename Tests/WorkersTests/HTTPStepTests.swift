import FlowHTTP
import FlowModel
import FlowTestKit
import Foundation
import Synchronization
import Testing
import Workers

/// A server that keeps what it was asked, and answers as a test has it.
private final class AskedServer: Sendable {
    private final class Kept: Sendable { let requests = Mutex<[Peer.Request]>([]) }

    private let kept: Kept
    private let server: RawServer

    var requests: [Peer.Request] { kept.requests.withLock { $0 } }
    var url: String { server.url }

    /// `answer` gets the request's number, from 1.
    init(_ answer: @escaping @Sendable (Peer, Peer.Request, Int) -> Void) throws {
        let kept = Kept()
        self.kept = kept
        server = try RawServer { peer in
            while let request = peer.request() {
                let number = kept.requests.withLock { requests in
                    requests.append(request)
                    return requests.count
                }
                answer(peer, request, number)
            }
        }
    }

    deinit { server.stop() }
}

/// Requests of flows, against servers that answer as a test has them.
@Suite("Steps over HTTP", .timeLimit(.minutes(2)))
struct HTTPStepTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func order(
        _ method: HTTPSpec.Method, _ url: String, step: String = "ask", timeout: Double? = 20, _ change: (inout HTTPWork) -> Void = { _ in }
    ) -> AttemptOrder {
        var work = HTTPWork(method: method, url: URLText([.written(url)]))
        change(&work)
        return .of(work, step: step, timeout: timeout)
    }

    private func result(_ order: AttemptOrder, egress: EgressRules? = nil) async throws -> (AttemptResult, PoolUnderTest) {
        let test = try PoolUnderTest(
            folder: folder, egress: egress ?? EgressRules(isLoopbackAllowed: true), transports: { _ in LocalTransport() })
        var found: AttemptResult?
        try await test.with { pool async throws in found = try await test.carryOut(order, on: pool) }
        return (try #require(found), test)
    }

    // MARK: - What is sent

    @Test func `what an author says is what is sent, and a request that changes something has its key`() async throws {
        let server = try AskedServer { peer, _, _ in peer.answer("201 Created", ["Location: /x/1", "X-A: 1", "x-a: 2"], "made") }
        let order = order(.post, server.url + "/x") {
            $0.headers = [.init(name: "X-Trace", value: "t 1")]
            $0.query = [.init(name: "a b", value: "c&d")]
            $0.body = .json(["n": 1, "text": "ü"])
            $0.authorization = .basic(user: "ann", password: "pä:ss")
        }
        let (result, test) = try await result(order)
        let request = try #require(server.requests.first)
        #expect(request.line == "POST /x?a%20b=c%26d HTTP/1.1")
        #expect(String(decoding: request.body, as: UTF8.self) == #"{"n":1,"text":"ü"}"#)
        let basic = Data("ann:pä:ss".utf8).base64EncodedString().lowercased()
        for header in [
            "x-trace: t 1", "content-type: application/json", "authorization: basic \(basic)",
            "idempotency-key: \"\(order.idempotencyKey.lowercased())\"",
        ] { #expect(request.headers.contains(header), "\(request.headers)") }
        #expect(result.output?["status"] == 201 && result.output?["body"] == "made" && result.output?["changed"] == true, "\(result)")
        #expect(result.output?["headers"]?["location"] == "/x/1" && result.output?["headers"]?["x-a"] == "1, 2")
        let shape = HTTPSpec(.post, .literal("")).outputShape(declared: nil)
        #expect(shape?.faults(in: result.output ?? .null) == [])
        #expect(try await test.output(order.id).hasPrefix("POST \(server.url)/x: 201, 4 bytes, "))
    }

    @Test func `forms, texts and files are sent as what they are; to ask has no key`() async throws {
        let server = try AskedServer { peer, _, _ in peer.answer() }
        let file = try folder.write("upload", "of a file")
        let bodies: [(HTTPWork.Body, String, String)] = [
            (.form([.init(name: "a", value: "1&2"), .init(name: "b", value: "ü")]), "a=1%262&b=%C3%BC", "application/x-www-form-urlencoded"),
            (.text("of a text"), "of a text", "text/plain; charset=utf-8"), (.file(file), "of a file", "application/octet-stream"),
        ]
        for (number, (body, text, kind)) in bodies.enumerated() {
            _ = try await result(order(.put, server.url, step: "s\(number)") { $0.body = body })
            let request = try #require(server.requests.last)
            #expect(String(decoding: request.body, as: UTF8.self) == text)
            #expect(request.headers.contains("content-type: \(kind)"))
        }
        _ = try await result(order(.get, server.url, step: "get") { $0.authorization = .bearer("tok") })
        let request = try #require(server.requests.last)
        #expect(request.headers.contains("authorization: bearer tok") && !request.headers.contains { $0.hasPrefix("idempotency-key") })
    }

    @Test func `what cannot be sent is said, and nothing is`() async throws {
        let server = try AskedServer { peer, _, _ in peer.answer() }
        let wrong: [(String, (inout HTTPWork) -> Void)] = [
            ("the header X has a control character", { $0.headers = [.init(name: "X", value: "a\r\nY: b")] }),
            ("could not be opened", { $0.body = .file("/nonexistent") }),
            ("the path of 'id'", { $0.xml = .init(paths: ["id": "//["]) }),
            ("not a URL", { $0.url = URLText([.value("file:///etc/passwd")]) }), ("could not be opened", { $0.authorities = "/nonexistent" }),
        ]
        for (number, (words, change)) in wrong.enumerated() {
            let (result, _) = try await result(order(.get, server.url, step: "s\(number)", change))
            #expect(result.failure?.cause == .input && result.failure?.message.contains(words) == true, "\(result)")
            #expect(result.failure?.message.hasPrefix("nothing was sent") == true, "\(result)")
        }
        #expect(server.requests.isEmpty)
    }

    // MARK: - What comes back

    @Test func `JSON of a declared type is the value, and no more of it than that`() async throws {
        let server = try AskedServer { peer, request, _ in
            let good = #"{"n":1,"more":[1,2],"in":{"a":"b","c":0}}"#
            peer.answer("200 OK", ["Content-Type: application/json"], request.path == "/bad" ? #"{"n":"x"}"# : good)
        }
        let shape = TypeShape.object([.init(name: "n", shape: .int), .init(name: "in", shape: .object([.init(name: "a", shape: .string)]))])
        let (good, _) = try await result(order(.get, server.url) { $0.output = shape })
        #expect(good.output?["value"] == ["n": 1, "in": ["a": "b"]] && good.output?["body"] == nil, "\(good)")
        let (bad, _) = try await result(order(.get, server.url + "/bad", step: "bad") { $0.output = shape })
        #expect(bad.failure?.cause == .output && bad.failure?.message.contains("n: expected Int, found a String") == true, "\(bad)")
    }

    @Test func `XML is read by paths, typed`() async throws {
        let document = """
            <?xml version="1.0"?><R xmlns="http://ec2/"><set><i><id>i-1</id><n>2</n></i><i><id>i-2</id><n>3</n></i></set></R>
            """
        let server = try AskedServer { peer, request, _ in
            peer.answer("200 OK", [], request.path == "/bomb" ? "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>" : document)
        }
        let shape = TypeShape.object([
            .init(name: "ids", shape: .list(.string)), .init(name: "first", shape: .int), .init(name: "many", shape: .int),
            .init(name: "none", shape: .optional(.string)),
        ])
        let paths = ["ids": "//id", "first": "//n", "many": "count(//i)", "none": "//nothing"]
        let (typed, _) = try await result(
            order(.get, server.url) {
                $0.output = shape
                $0.xml = .init(paths: paths)
            })
        #expect(typed.output?["value"] == ["ids": ["i-1", "i-2"], "first": 2, "many": 2], "\(typed)")
        let (plain, _) = try await result(order(.get, server.url, step: "plain") { $0.xml = .init(paths: ["ids": "//id"]) })
        #expect(plain.output?["value"] == ["ids": ["i-1", "i-2"]], "\(plain)")
        let (bomb, _) = try await result(order(.get, server.url + "/bomb", step: "bomb") { $0.xml = .init(paths: paths) })
        #expect(bomb.failure?.cause == .output && bomb.failure?.message.contains("DOCTYPE") == true, "\(bomb)")
    }

    @Test func `another status fails, with the beginning of what was said; some are worth another attempt`() async throws {
        let server = try AskedServer { peer, request, _ in peer.answer("\(request.path.dropFirst()) X", ["Retry-After: 7"], "no such thing") }
        for (status, cause) in [(404, AttemptResult.Failure.Cause.refused), (500, .answer), (302, .refused), (204, .refused)] {
            let (found, test) = try await result(order(.get, "\(server.url)/\(status)", step: "s\(status)") { $0.expect = [StatusRange(200, 200)] })
            #expect(found.failure?.cause == cause, "\(found)")
            #expect(found.failure?.retryAfterSeconds == 7)
            if status != 204 {
                #expect(found.failure?.message == "GET \(server.url)/\(status) was answered \(status), expected 200: no such thing")
                let id = AttemptID(run: PoolUnderTest.run, step: StepPath("s\(status)"), generation: 1, number: 1)
                #expect(try await test.output(id, .stderr) == "no such thing\n")
            }
        }
        let (wanted, _) = try await result(order(.get, "\(server.url)/404", step: "wanted") { $0.expect = [StatusRange(404, 404)] })
        #expect(wanted.output?["status"] == 404)
    }

    @Test func `who says that it did nothing is asked again`() async throws {
        let server = try AskedServer { peer, _, number in
            switch number {
            case 1: peer.answer("503 Busy", ["Retry-After: 0"])
            case 2: peer.answer("429 Slow", ["Retry-After: 1"])
            default: peer.answer()
            }
        }
        let order = order(.post, server.url)
        let (found, test) = try await result(order)
        #expect(found.output?["status"] == 200 && server.requests.count == 3, "\(found)")
        #expect(Set(server.requests.map { $0.headers.filter { $0.hasPrefix("idempotency-key") } }).count == 1)
        #expect(test.reports.events(of: order.id).contains { if case .unreachable(let why) = $0 { why.contains("429") } else { false } })
        // Without a word of when it is an answer like any other.
        let busy = try AskedServer { peer, _, _ in peer.answer("503 Busy") }
        let (failed, _) = try await result(self.order(.post, busy.url, step: "busy"))
        #expect(failed.failure?.cause == .answer && busy.requests.count == 1, "\(failed)")
        // Nor does it wait longer than the step may take.
        let long = try AskedServer { peer, _, _ in peer.answer("429 Slow", ["Retry-After: 3000"]) }
        let (given, _) = try await result(self.order(.post, long.url, step: "long"))
        #expect(given.failure?.retryAfterSeconds == 3000 && long.requests.count == 1, "\(given)")
    }

    @Test func `nobody there is tried again until there is somebody, and said when there is not`() async throws {
        let nobody = try RawServer { _ in }
        nobody.stop()
        let order = order(.post, nobody.url, timeout: 3)
        let (found, test) = try await result(order)
        #expect(found.failure?.cause == .unreachable && found.failure?.message.hasPrefix("nothing was sent: nobody listens") == true, "\(found)")
        #expect(test.reports.events(of: order.id).contains { if case .unreachable = $0 { true } else { false } })
    }

    // MARK: - Cut off, too slow, too much

    @Test func `what was sent and not answered is lost if it may have changed something`() async throws {
        let server = try AskedServer { peer, _, _ in peer.reset() }
        let silent = try AskedServer { _, _, _ in Thread.sleep(forTimeInterval: 10) }
        for (number, url) in [server.url, silent.url].enumerated() {
            let (post, _) = try await result(order(.post, url, step: "post\(number)", timeout: 1))
            guard case .lost(let why) = post.outcome else {
                Issue.record("\(post)")
                continue
            }
            #expect(why.contains("Whether it took effect is not known"))
        }
        let (cut, _) = try await result(order(.get, server.url, step: "cut"))
        #expect(cut.failure?.cause == .answer, "\(cut)")
        let (late, _) = try await result(order(.get, silent.url, step: "late", timeout: 1))
        #expect(late.outcome == .timedOut, "\(late)")
        let (slow, _) = try await result(order(.get, silent.url, step: "slow", timeout: 20) { $0.responseSeconds = 0.5 })
        #expect(slow.failure?.message.contains("no answer within 0.5 s") == true, "\(slow)")
    }

    @Test func `more than was asked for is refused, and what may have changed something is unknown then`() async throws {
        let endless = try AskedServer { peer, _, _ in
            peer.send("HTTP/1.1 200 OK\r\n\r\n")
            while peer.send([UInt8](repeating: 65, count: 65_536)) {}
        }
        let (found, _) = try await result(order(.get, endless.url) { $0.bodyBytes = 100_000 })
        #expect(found.failure?.cause == .output && found.failure?.message.contains("with more than 100000 bytes") == true, "\(found)")
        let (posted, _) = try await result(order(.post, endless.url, step: "post") { $0.bodyBytes = 100_000 })
        if case .lost(let why) = posted.outcome { #expect(why.contains("was answered 200")) } else { Issue.record("\(posted)") }
    }

    @Test func `a step that is stopped lets go`() async throws {
        let silent = try AskedServer { _, _, _ in Thread.sleep(forTimeInterval: 10) }
        let (test, order) = (try PoolUnderTest(folder: folder), order(.post, silent.url))
        try await test.with { pool async throws in
            pool.dispatch(order)
            #expect(try await comesTrue { !silent.requests.isEmpty })
            pool.stop(order.id, force: false)
            if case .lost(let why) = try await test.result(of: order.id).outcome {
                #expect(why.contains("is not known"))
            } else {
                Issue.record("\(order)")
            }
            let get = self.order(.get, silent.url, step: "get")
            pool.dispatch(get)
            #expect(try await comesTrue { silent.requests.count == 2 })
            pool.stop(get.id, force: false)
            #expect(try await test.result(of: get.id).outcome == .cancelled)
        }
    }

    @Test func `what was taken before a redirect is not sent again, whatever is behind it`() async throws {
        let nobody = try RawServer { _ in }
        nobody.stop()
        let busy = try AskedServer { peer, _, _ in peer.answer("503 Busy", ["Retry-After: 0"]) }
        for (number, (status, place)) in [("303 See", nobody.url), ("307 There", nobody.url), ("303 See", "http://169.254.169.254/")].enumerated() {
            let server = try AskedServer { peer, _, _ in peer.answer(status, ["Location: \(place)"]) }
            let (found, _) = try await result(
                order(.post, server.url, step: "s\(number)") {
                    $0.redirects = 2
                    $0.body = .text("once")
                })
            if case .lost(let why) = found.outcome { #expect(why.contains("behind a redirect")) } else { Issue.record("\(found)") }
            #expect(server.requests.count == 1)
        }
        let server = try AskedServer { peer, _, _ in peer.answer("307 There", ["Location: \(busy.url)"]) }
        let (found, _) = try await result(order(.post, server.url, step: "busy") { $0.redirects = 2 })
        #expect(found.failure?.message.contains("503 behind a redirect") == true && server.requests.count == 1, "\(found)")
    }

    @Test func `a secret in the host, and in a URL that is none, is not shown either`() async throws {
        let secret = String("hunterQ7xKw93mZp20".reversed())
        for (number, pieces) in [
            [URLText.Piece.written("http://"), .value(SealedText.marker(secret)), .written(".invalid/")], [.value(SealedText.marker(secret))],
        ].enumerated() {
            let work = HTTPWork(method: .get, url: URLText(pieces))
            let (found, test) = try await result(.of(work, step: "s\(number)", timeout: 1))
            #expect(found.failure != nil && !"\(found)".lowercased().contains("hunterq7"), "\(found)")
            let id = AttemptID(run: PoolUnderTest.run, step: StepPath("s\(number)"), generation: 1, number: 1)
            #expect(!(try await test.output(id, .stderr)).lowercased().contains("hunterq7"))
        }
    }

    // MARK: - Where it may go

    @Test func `this machine, link-local and metadata addresses are not asked unless they are allowed`() async throws {
        let server = try AskedServer { peer, request, _ in
            if request.path == "/away" { peer.answer("302 Found", ["Location: http://169.254.169.254/latest/meta-data/"]) } else { peer.answer() }
        }
        let port = server.url.split(separator: ":").last ?? ""
        for (number, url) in [server.url, "http://localhost:\(port)/", "http://[::1]:\(port)/", "http://0.0.0.0:\(port)/"].enumerated() {
            let (found, _) = try await result(order(.get, url, step: "s\(number)"), egress: EgressRules())
            #expect(found.failure?.cause == .input && found.failure?.message.contains("may not be connected to") == true, "\(found)")
            #expect(found.failure?.message.contains("flowd.yaml") == true)
        }
        #expect(server.requests.isEmpty)
        let (away, _) = try await result(order(.get, server.url + "/away", step: "away") { $0.redirects = 3 })
        #expect(away.failure?.message.contains("169.254.169.254 may not be connected to") == true, "\(away)")
        let (stays, _) = try await result(order(.get, server.url + "/away", step: "stays"))
        #expect(stays.failure?.message.contains("was answered 302") == true, "\(stays)")
    }

    @Test func `no header of an author's goes to another host`() async throws {
        let other = try AskedServer { peer, _, _ in peer.answer() }
        let server = try AskedServer { peer, _, _ in peer.answer("302 Found", ["Location: \(other.url)/x"]) }
        let (found, _) = try await result(
            order(.get, server.url) {
                $0.redirects = 1
                $0.headers = [.init(name: "X-Api-Key", value: "k"), .init(name: "Accept", value: "a/b")]
                $0.authorization = .bearer("tok")
            })
        #expect(found.output?["status"] == 200, "\(found)")
        let there = try #require(other.requests.first)
        #expect(!there.headers.contains { $0.hasPrefix("x-api-key") || $0.hasPrefix("authorization") }, "\(there.headers)")
        #expect(there.headers.contains("accept: a/b"))
        #expect(server.requests.first?.headers.contains("x-api-key: k") == true)
    }

    @Test func `a secret is shown nowhere, sent or said back`() async throws {
        let server = try AskedServer { peer, request, _ in
            let text = "you said \(request.path) and \(request.headers.joined(separator: ";")) and hunter22"
            peer.answer(request.path.hasPrefix("/no") ? "400 No" : "200 OK", ["X-Echo: hunter22"], text)
        }
        let sealed = SealedText.marker("22retnuh")
        for (step, path) in [("yes", "/x/"), ("no", "/no/")] {
            let order = AttemptOrder.of(
                HTTPWork(
                    method: .get, url: URLText([.written(server.url + path), .value(sealed)]), headers: [.init(name: "X-Key", value: sealed)]),
                step: step, timeout: 20)
            let (found, test) = try await result(order)
            #expect(server.requests.last?.path == path + "hunter22" && server.requests.last?.headers.contains("x-key: hunter22") == true)
            #expect(!"\(found)".contains("hunter22"), "\(found)")
            for stream in [HostStream.stdout, .stderr] { #expect(!(try await test.output(order.id, stream)).contains("hunter22")) }
        }
    }

    // MARK: - Engines that end

    @Test func `the next engine takes an end that is written down, and calls lost what has none`() async throws {
        let server = try AskedServer { peer, request, _ in
            if request.path == "/silent" { Thread.sleep(forTimeInterval: 5) } else { peer.answer("200 OK", [], "done") }
        }
        let (ended, silent, never) = (
            order(.post, server.url, step: "ended"), order(.post, server.url + "/silent", step: "silent"), order(.post, server.url, step: "never")
        )
        let first = try PoolUnderTest(folder: folder)
        try await first.crash { pool async throws in
            pool.dispatch(ended)
            _ = try await first.result(of: ended.id)
            pool.dispatch(silent)
            #expect(try await comesTrue { server.requests.count == 2 })
        }
        guard case .placed(let place)? = first.reports.events(of: ended.id).first else { throw CancellationError() }
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            #expect(try await second.carryOut(ended.attached(at: place), on: pool).output?["body"] == "done")
            let lost = try await second.carryOut(silent.attached(at: place), on: pool)
            if case .lost = lost.outcome {} else { Issue.record("\(lost)") }
            pool.dispatch(never.attached(at: place))
            #expect(try await comesTrue { second.reports.events(of: never.id).contains(.neverStarted) })
        }
        #expect(server.requests.count == 2)
        // What is journaled is forgotten.
        #expect(try await comesTrue { try FileManager.default.contentsOfDirectory(atPath: folder.file("home/requests")) == ["id"] })
    }
}
