import FlowModel
import Foundation
import Testing
import Workers

@Suite("Output store", .timeLimit(.minutes(10)))
struct OutputStoreTests {
    @Test func `output can be read while its step runs, and stays when it has ended`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        let order = AttemptOrder.shell(
            "echo first; while [ ! -e \"$1\" ]; do sleep 0.02; done; echo second; echo trouble >&2", step: "deploy[web-1]/sw\"it/ch"
        ) { $0.arguments = [test.folder.file("go")] }
        try await test.with { pool async throws in
            pool.dispatch(order)
            var seen = ""
            for _ in 0..<2_000 where seen != "first\n" {
                seen = try await test.output(order.id)
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(seen == "first\n")
            #expect(test.reports.result(of: order.id) == nil, "it still runs")
            _ = try test.folder.write("go", "")
            let result = try await test.result(of: order.id)
            #expect(result.lastLine == "trouble" || result.lastLine == "second")
            #expect(result.outputBytes == 13 + 8)
            #expect(try await test.output(order.id) == "first\nsecond\n")
            let id = order.id
            let tail = try await test.outputs.read(id.run, id.step, attempt: 1, stream: .stdout, offset: 6, limit: 3)
            #expect(tail == Array("sec".utf8))
            #expect(try await test.outputs.runs() == [PoolUnderTest.run])
            try await test.outputs.remove(PoolUnderTest.run)
            #expect(try await test.output(order.id) == "")
            #expect(try await test.outputs.runs() == [])
        }
    }

    @Test func `a flood without a newline is bounded, and its truncation is recorded`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            // Beyond the cap by a little, so that the test takes seconds.
            let order = AttemptOrder.shell("head -c 70000000 /dev/zero", step: "flood")
            let result = try await test.carryOut(order, on: pool, within: 60)
            #expect(result.truncated)
            // What the host's reader had in hand when the spool was full is not counted.
            #expect((69_700_000...70_000_000).contains(result.outputBytes))
            let size = try await test.outputs.size(order.id.run, order.id.step, attempt: 1, stream: .stdout)
            #expect(size == Limits.capturedOutputBytes)
            #expect(result.output?["stdout"] == nil)
            #expect(result.output?["stdoutFault"]?.stringValue?.contains("NUL") == true)
            #expect(result.output?["stdoutTruncated"] == true)
        }
    }

    /// Says the beginning of a secret, and of something that only looks like it; the rest when there is a file.
    private func halves(_ folder: TestFolder) -> AttemptOrder {
        let script = """
            printf 'x s3cre'; printf 'a s3c' >&2
            while [ ! -e "$2" ]; do sleep 0.02; done
            echo 'tvalue y'; echo 'ond thought' >&2
            """
        return .shell(script, step: "halves") {
            $0.arguments = [SealedText.marker(String("s3cretvalue".reversed())), folder.file("go")]
        }
    }

    /// Until all of the first half is here: what may begin the secret is held back.
    private func untilHeld(_ order: AttemptOrder, _ folder: TestFolder) async throws {
        let kept = "output/\(order.id.run)/halves/1."
        #expect(try await comesTrue { folder.read(kept + "stdout") == "x " && folder.read(kept + "stderr") == "a " })
    }

    @Test func `a secret in the middle of which one engine ends and the next goes on is masked whole, and nothing else is`() async throws {
        let folder = try TestFolder()
        let (first, order) = (try PoolUnderTest(folder: folder), halves(folder))
        try await first.with { pool async throws in
            pool.dispatch(order)
            try await untilHeld(order, folder)
        }
        try await untilHeld(order, folder)
        guard case .placed(let place) = first.reports.events(of: order.id).first else { throw CancellationError() }
        _ = try folder.write("go", "")
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            let again = order.attached(at: place)
            let result = try await second.carryOut(again, on: pool)
            #expect(result.output?["stdout"] == "x *********** y")
            #expect(try await second.output(order.id) == "x *********** y\n")
            #expect(try await second.output(order.id, .stderr) == "a s3cond thought\n")
        }
    }

    @Test func `a stop in the middle of a secret masks what has come of it`() async throws {
        let folder = try TestFolder()
        let (test, order) = (try PoolUnderTest(folder: folder), halves(folder))
        try await test.with { pool async throws in
            pool.dispatch(order)
            try await untilHeld(order, folder)
            pool.stop(order.id, force: true)
            #expect(try await test.result(of: order.id).outcome == .cancelled)
            #expect(try await test.output(order.id) == "x *****")
        }
    }

    @Test func `secrets reach the script and are nowhere else`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        // The tests' opener turns texts around.
        let secret = "correct horse battery"
        let sealed = SealedText.marker(String(secret.reversed()))
        let script = """
            printf '%s\\n' "$flow_1" "$SECRET"; printf '%s' "$1" | base64; printf '%s' "$1" | od -An -tx1 | tr -d ' \\n'
            printf 'token=%s\\n' "$1" >"$FLOW_OUTPUT"
            printf '%s' "$1" | sha256sum
            echo "last $1"
            """
        var order = AttemptOrder.shell(script, step: "secret") { work in
            work.variables = [.init(name: "flow_1", value: "a \(sealed) b")]
            work.arguments = [sealed]
            work.environment = ["SECRET": sealed]
            work.output = .object([.init(name: "token", shape: .string)])
        }
        order.timeoutSeconds = 30
        let sum = "0a5bf1bd5ad2a5e66aba0b0cebd9a9d8b6b6e5b6"
        try await test.with { pool async throws in
            let result = try await test.carryOut(order, on: pool)
            let output = try await test.output(order.id)
            #expect(output.hasPrefix("a ********************* b\n*********************\n"))
            #expect(!output.contains(sum))
            #expect(result.output?["value"]?["token"] == "*********************")
            #expect(result.lastLine == "last *********************")
        }
        // A step that is not given it masks it, too, when its run has it; a short one may be anything.
        var other = AttemptOrder.shell("echo '\(secret) is on'", step: "other")
        other.secrets = Set([secret, "on"].map { String($0.reversed()) })
        try await test.with { pool async throws in
            #expect(try await test.carryOut(other, on: pool).output?["stdout"] == "********************* is on")
            #expect(try await test.output(other.id) == "********************* is on\n")
        }
        // Neither in what the pool keeps, nor on the host once it has ended.
        let forms = [secret, Data(secret.utf8).base64EncodedString(), secret.utf8.map { String(format: "%02x", $0) }.joined()]
        let files = try #require(FileManager.default.enumerator(atPath: folder.path)).compactMap { $0 as? String }
        for name in files where !name.hasPrefix("spool/") {
            let text = folder.read(name) ?? ""
            for form in forms { #expect(!text.contains(form), "\(name) holds \(form)") }
        }
    }
}
