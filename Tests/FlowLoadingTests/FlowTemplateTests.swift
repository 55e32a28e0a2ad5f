import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("New flows", .timeLimit(.minutes(10)))
struct FlowTemplateTests {
    @Test func `a new flow loads, and an editor's flags type-check it`() async throws {
        let toolchain = try Toolchain.find()
        let folder = try TemporaryFolder()
        for file in try FlowTemplate.files(name: "patch-web", toolchain: toolchain) {
            _ = try folder.write(file.contents, to: file.path)
        }
        let flow = try await Shared.loader().load(file: "\(folder.path)/patch-web.swift")
        #expect(flow.plan.flow == "patch-web")

        let flags = try String(contentsOfFile: "\(folder.path)/compile_flags.txt", encoding: .utf8).split(separator: "\n").map(
            String.init)
        let settings = try JSON.parse(try String(contentsOfFile: "\(folder.path)/.sourcekit-lsp/config.json", encoding: .utf8))
        #expect(settings[path: ["fallbackBuildSystem", "swiftCompilerFlags"]] == .array(flags.map(JSON.string)))
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: toolchain.compiler)
        compiler.arguments = ["-typecheck"] + flags + ["\(folder.path)/patch-web.swift"]
        try compiler.run()
        compiler.waitUntilExit()
        #expect(compiler.terminationStatus == 0)
    }

    @Test func `a name that is none is refused`() throws {
        #expect(throws: FlowError.self) { try FlowTemplate.files(name: "My Flow", toolchain: Toolchain.find()) }
    }
}
