import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("Refused flows", .timeLimit(.minutes(10)))
struct RefusedFlowTests {
    @Test func `the corpus is there`() {
        #expect(Fixtures.names(in: "refused").count >= 40)
    }

    /// Each file says at its end what must be found: `// expect LINE: part of a message`, or without a line for the whole error.
    @Test(arguments: Fixtures.names(in: "refused"))
    func `each mistake is named with its line`(_ name: String) async throws {
        let file = "\(Fixtures.folder)/refused/\(name)"
        let source = try String(contentsOfFile: file, encoding: .utf8)
        let expectations = source.split(separator: "\n").filter { $0.hasPrefix("// expect ") }.map { $0.dropFirst(10) }
        #expect(!expectations.isEmpty)

        let loader = try Shared.loader(evaluateSeconds: name == "loops-forever.swift" ? 1 : 10)
        guard case .failure(let error) = await outcome(file, loader) else {
            Issue.record("\(name) was loaded")
            return
        }
        #expect(error.code == .load)
        for expectation in expectations {
            let parts = expectation.split(separator: ":", maxSplits: 1)
            if let line = Int(parts[0]), parts.count == 2 {
                let text = parts[1].drop { $0 == " " }
                let found = error.errors.contains { $0.location == "\(file):\(line)" && $0.message.contains(text) }
                #expect(found, "\(name): expected \(expectation), found: \(error)")
            } else {
                #expect(error.description.contains(expectation), "\(name): expected \(expectation), found: \(error)")
            }
        }
        #expect(error.description.contains(name))
    }

    @Test func `what a flow file may not do is named`() async throws {
        let words = [
            "loops-forever": "did not finish within 1 s", "exits": "exited with status 1",
            "prints": "printed to standard output: describing", "opens-socket": "used the network",
            "writes-file": "wrote to the file system", "floods": "wrote more than 16 MiB",
            "forks": "started or touched another process",
        ]
        for (name, text) in words {
            let loader = try Shared.loader(evaluateSeconds: name == "loops-forever" ? 1 : 10)
            guard case .failure(let error) = await outcome("\(Fixtures.folder)/refused/\(name).swift", loader) else {
                Issue.record("\(name) was loaded")
                continue
            }
            #expect(error.message.contains(text), "\(name): \(error)")
            #expect(error.hint?.contains("move work into a step") == true)
        }
        #expect(!FileManager.default.fileExists(atPath: "/tmp/flow-was-here"))
    }
}
