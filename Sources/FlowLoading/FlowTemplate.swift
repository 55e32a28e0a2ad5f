package import FlowModel

/// The files that a new flow begins with: `flowctl flow new NAME`.
package enum FlowTemplate {
    package struct File: Hashable, Sendable {
        /// Relative to the folder that the flow is made in.
        package var path: String
        package var contents: String
    }

    /// The flow file, and what SourceKit-LSP needs to complete it: the compiler's flags, for every Swift file in the folder.
    package static func files(name: String, toolchain: Toolchain) throws(FlowError) -> [File] {
        guard name.isStepName, name.first?.isLetter == true else {
            throw FlowError(
                .usage, subject: name,
                "no flow was made: '\(name)' is not a flow's name: \(String.stepNameRule)",
                hint: "flowctl flow new release-web")
        }
        let flags = FlowCompiler.flags(toolchain)
        let settings: JSON = ["fallbackBuildSystem": ["swiftCompilerFlags": .array(flags.map(JSON.string))]]
        return [
            File(path: "\(name).swift", contents: source(name)),
            File(path: "compile_flags.txt", contents: flags.joined(separator: "\n") + "\n"),
            File(path: ".sourcekit-lsp/config.json", contents: settings.canonical + "\n"),
        ]
    }

    private static func source(_ name: String) -> String {
        let type = name.split { !($0.isLetter || $0.isNumber) }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        return """
            import FlowDSL

            /// Try it: flowctl run ./\(name).swift -p name=you
            @main struct \(type): Flow {
                static let name = "\(name)"
                static let summary = "What the flow does, in one sentence"

                @Param("Whom to greet") var name: String = "world"

                var body: some FlowBody {
                    // A value in a command arrives as one argument, whatever it says.
                    let greeting = shell("greet", "echo Hello, \\($name)")

                    step("count", greeting) { context, greeting in
                        context.log("\\(greeting.stdout.count) characters")
                    }
                }
            }

            """
    }
}
