import FlowModel
import Foundation
import Testing
import Workers

/// A secret in every member of a step that takes an expression, and every way to fail that quotes it: nothing that is said of the attempt has it.
@Suite("Secrets in messages", .timeLimit(.minutes(2)))
struct SecretMessageTests {
    /// Parts of it tell, whatever is quoted how.
    private static let secret = #"s3cr3t-Zebra&x%/q'"Yak\n"#
    private static let telling = ["s3cr3t", "Zebra", "Yak"]
    /// As the tests' opener reads it.
    private static let sealed = SealedText.marker(String(secret.reversed()))

    private static let there = FlowModel.Host(name: "there", address: "127.0.0.1")

    private static func copy(_ step: String, _ from: String, _ to: String, account: String? = nil) -> AttemptOrder {
        .of(CopyWork(from: from, to: to, account: account), step: step)
    }

    private static func step(_ node: String, _ step: String) -> AttemptOrder {
        let binary = Digest(bytes: [UInt8](repeating: 7, count: 32))
        return .of(StepWork(node: node, binary: binary, inputs: [.string(sealed)]), step: step)
    }

    /// Each fails, or is lost, and the reason has to do with the member.
    private static let orders: [AttemptOrder] = [
        copy("copy-missing", "/nowhere/\(sealed)", "/tmp/x"), copy("copy-relative", sealed, "/tmp/x"), copy("copy-goal", "/etc/hostname", sealed),
        copy("copy-folder", "/etc/hostname", "/nowhere/\(sealed)/x"), copy("copy-slash", "/etc/hostname", "/tmp/\(sealed)/"),
        copy("copy-account", "/etc/hostname", "/tmp/x", account: sealed),
        .shell("true", step: "account") { $0.account = "a-\(sealed)" },
        .shell("true", step: "account-control") { $0.account = "a\u{1}\(sealed)" },
        .shell("true", step: "workdir") { $0.workdir = "/nowhere/\(sealed)" },
        .shell("true", step: "workdir-nul") { $0.workdir = "/\(sealed)\0" },
        .shell("true", step: "argument") { $0.arguments = ["\(sealed)\0"] },
        .shell("true", step: "variable") { $0.variables = [.init(name: "flow_1", value: "\(sealed)\0")] },
        .shell("true", step: "environment") { $0.environment = ["A": "\(sealed)\0"] },
        .shell("echo \"$1\" >&2; exit 3", step: "last-line") { $0.arguments = [sealed] },
        // Cut by the message in the middle of the value.
        .shell("printf '%070d%s\\n' 0 \"$1\" >\"$FLOW_OUTPUT\"", step: "output-line") {
            $0.arguments = [sealed]
            $0.output = .object([.init(name: "count", shape: .int)])
        },
        .shell("printf 'count=%070d%s\\n' 0 \"$1\" >\"$FLOW_OUTPUT\"", step: "output-value") {
            $0.arguments = [sealed]
            $0.output = .object([.init(name: "count", shape: .int)])
        },
        .shell("printf 'changed=%070d%s\\n' 0 \"$1\" >\"$FLOW_OUTPUT\"", step: "changed") { $0.arguments = [sealed] },
        .shell("true", step: "unreachable") { $0.arguments = [sealed] }.on(there),
        step("throw-value", "thrown"), step("nothing", "unknown-step"),
    ]

    /// A host whose failure repeats what it was told.
    private struct Indiscreet: Transport {
        func open(_ command: String) async throws -> any TransportChannel {
            throw TransportError(.connect, "refused: \(SecretMessageTests.secret)", mayHaveRun: false)
        }
    }

    @Test func `no message has a secret, whichever executor and place it comes from`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder()) { host in if host == nil { LocalTransport() } else { Indiscreet() } }
        try await test.with { pool async throws in
            for order in Self.orders { pool.dispatch(order) }
            for order in Self.orders {
                let result = try await test.result(of: order.id)
                #expect(result.output == nil, "\(order.id) failed")
                let events = test.reports.events(of: order.id)
                let logs = [try await test.output(order.id), try await test.output(order.id, .stderr)]
                for word in Self.telling {
                    #expect(!events.contains { "\($0)".contains(word) }, "\(order.id.step): \(events)")
                    #expect(!logs.contains { $0.contains(word) }, "\(order.id.step): \(logs)")
                }
            }
            let quoting = Self.orders.filter { "\(test.reports.events(of: $0.id))".contains("****") }.map(\.id.step.text)
            #expect(quoting.contains("copy-missing") && quoting.contains("thrown") && quoting.contains("unreachable"), "\(quoting)")
        }
    }
}
