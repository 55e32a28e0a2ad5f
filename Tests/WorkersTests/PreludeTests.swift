import FlowModel
import Foundation
import Testing
import Workers

@Suite("Prelude", .timeLimit(.minutes(10)))
struct PreludeTests {
    /// What an interpreter makes of the values: each ended by NUL, which none can hold.
    private func seen(_ program: String, _ work: ShellWork, script: String) async throws -> [String] {
        let folder = try TestFolder()
        try Data(Prelude.bytes(for: work)).write(to: URL(fileURLWithPath: folder.file("prelude")))
        _ = try folder.write("script", script)
        let done = try await runHere(
            "cd \(folder.path); exec \(program) \(folder.file("prelude"))", environment: ["LC_ALL": "C.UTF-8"])
        #expect(done.status == 0)
        return done.stdout.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }.dropLast()
    }

    private static let awkward = AwkwardTexts.plain
    private static let random = AwkwardTexts.random(1_000)

    private static var shells: [(String, ShellSpec.Interpreter)] {
        [("dash", ShellSpec.Interpreter.sh), ("bash", .bash), ("busybox sh", .sh), ("bash --posix", .sh)].filter { shell in
            let name = shell.0.split(separator: " ")[0]
            return ["/bin/", "/usr/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + name) }
        }
    }

    @Test(arguments: shells.indices) func `every value reaches a shell as one literal argument`(index: Int) async throws {
        let (program, interpreter) = Self.shells[index]
        let values = Self.awkward + Self.random
        var work = ShellWork(interpreter: interpreter, source: .text(""), arguments: values)
        work.variables = values.prefix(40).enumerated().map { .init(name: "flow_\($0.offset)", value: $0.element) }
        work.environment = ["OWN_VALUE": Self.awkward[0]]
        let names = work.variables.map { "\"$\($0.name)\"" }.joined(separator: " ")
        let script = #"printf '%s\0' "$@" "$OWN_VALUE" \#(names)"#
        let found = try await seen(program, work, script: script)
        #expect(found == values + [Self.awkward[0]] + work.variables.map(\.value))
    }

    @Test func `every value reaches Python as one literal argument`() async throws {
        let values = Self.awkward + Self.random
        var work = ShellWork(interpreter: .python, source: .text(""), arguments: values)
        work.environment = ["OWN_VALUE": Self.awkward[0]]
        work.variables = [.init(name: "flow_1", value: Self.awkward[0])]
        let script = """
            import os, sys
            assert __name__ == "__main__"
            for value in sys.argv[1:] + [os.environ["OWN_VALUE"], flow_1]:
                sys.stdout.buffer.write(value.encode() + b"\\0")
            """
        let found = try await seen("python3", work, script: script)
        #expect(found == values + [Self.awkward[0], Self.awkward[0]])
    }

    @Test func `variables are not exported, and unset ones end the script`() async throws {
        var work = ShellWork(interpreter: .sh, source: .text(""))
        work.variables = [.init(name: "flow_1", value: "x")]
        #expect(try await seen("sh", work, script: #"printf '%s\0' "$(env | grep -c flow_1 || :)" "$flow_1" "$-""#).prefix(2) == ["0", "x"])
        #expect(try await seen("sh", work, script: #"printf '%s\0' "$-""#)[0].contains("e"))
        #expect(try await seen("sh", work, script: #"printf '%s\0' "$-""#)[0].contains("u"))
    }

    @Test func `NUL and names that are none are refused with a message`() {
        var work = ShellWork(interpreter: .sh, source: .text(""), arguments: ["ok", "a\0b"])
        let failure = #expect(throws: AttemptResult.Failure.self) { try Prelude.bytes(for: work) }
        #expect(failure?.cause == .input)
        #expect(failure?.message.contains("argument 2 contains a NUL character") == true)
        work = ShellWork(interpreter: .sh, source: .text(""), environment: ["A;rm": "x"])
        #expect(throws: AttemptResult.Failure.self) { try Prelude.bytes(for: work) }
        work = ShellWork(interpreter: .sh, source: .text(""), variables: [.init(name: "1a", value: "x")])
        #expect(throws: AttemptResult.Failure.self) { try Prelude.bytes(for: work) }
    }
}
