internal import FlowModel

/// Compiles one flow file to a program.
struct FlowCompiler {
    let toolchain: Toolchain
    let cache: FlowCache
    let seconds: Double
    /// The file as the user named it.
    let display: String

    /// The flags that make the file a flow: an editor needs the same.
    static func flags(_ toolchain: Toolchain) -> [String] {
        ["-parse-as-library", "-swift-version", "6", "-module-name", "flowfile", "-I", toolchain.modules]
    }

    /// Compiles `source` in `work`; the program is `flow` there. Throws with all diagnostics of the compiler. Gives what had to be mended.
    func compile(_ source: [UInt8], in work: String, _ cancellation: ChildProcess.Cancellation) throws(FlowError) -> [String] {
        let name = Files.name(of: display)
        try Files.write(FlowCompiler.withLineEnds(source), to: "\(work)/\(name)")
        let start = ContinuousClock.now
        do throws(FlowError) {
            try run(name, in: work, seconds: seconds, cancellation)
            return []
        } catch {
            // No line of the flow is to blame. Modules that were kept from other flows may be: without them it is tried once more.
            guard error.errors.contains(where: CompilerDiagnostics.mayBeModules), Files.isThere(cache.modules) else { throw error }
            Files.remove(cache.modules)
            try run(name, in: work, seconds: seconds - start.secondsUntilNow, cancellation)
            return ["the compiler's modules in \(cache.modules) were damaged; they were made again"]
        }
    }

    /// A carriage return alone ends a line in Swift, but the compiler's diagnostics and `#line` do not count it.
    private static func withLineEnds(_ source: [UInt8]) -> [UInt8] {
        var text = source
        let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
        for index in text.indices where text[index] == cr && (index + 1 == text.count || text[index + 1] != lf) { text[index] = lf }
        return text
    }

    private func run(_ name: String, in work: String, seconds: Double, _ cancellation: ChildProcess.Cancellation) throws(FlowError) {
        // Named from its folder: a path, or a prefix map for it, would be new each time and the compiler's module cache never hit.
        let arguments =
            ["-Onone"] + FlowCompiler.flags(toolchain) + [
                "-module-cache-path", cache.modules, "-no-color-diagnostics", "-diagnostic-style", "llvm",
            ] + ["./\(name)"] + toolchain.objects + ["-o", "\(work)/flow"]
        let compiler = ChildProcess(
            path: toolchain.compiler, arguments: arguments,
            environment: ["PATH": "/usr/bin:/bin", "HOME": work, "TMPDIR": work, "LANG": "C.UTF-8"], folder: work,
            seconds: max(seconds, 1), confinement: nil)
        let end = try compiler.run(cancellation)
        let diagnostics = CompilerDiagnostics(end.errors + end.output, of: name, shownAs: display)
        switch end.reason {
        case .ended: break
        case .cancelled: throw FlowError(.load, subject: display, "compiling \(display) was cancelled")
        case .flooded: throw FlowError(.load, subject: display, "compiling \(display) was stopped: the compiler wrote too much")
        case .deadline:
            throw FlowError(
                .load, subject: display, "compiling \(display) did not finish within \(Int(self.seconds.rounded(.up))) s and was stopped",
                hint: "give long expressions a type, or split the flow")
        }
        guard end.status == 0, diagnostics.errors.isEmpty else {
            throw FlowError(
                .load, subject: display, "\(display) was not loaded: it does not compile", hint: "correct it, then: flowctl flow check \(display)",
                errors: diagnostics.errors.isEmpty ? [diagnostics.rest(end)] : diagnostics.errors)
        }
    }
}

/// What the compiler said, by line of the flow file.
struct CompilerDiagnostics {
    private(set) var errors: [FlowError.Detail] = []
    private let text: Substring
    private let display: String

    /// The message of FlowDSL for a reference inside a plain string: a warning of the compiler, a mistake here.
    private static let misusedReference = "a reference has no value while the plan is made"

    init(_ bytes: [UInt8], of file: String, shownAs display: String) {
        let text = String(decoding: bytes, as: UTF8.self)
        self.text = text.suffix(2_000)
        self.display = display
        for line in text.split(whereSeparator: \.isNewline) {
            guard let found = CompilerDiagnostics.parse(line, file), errors.count < LoadLimits.diagnostics else { continue }
            guard found.isError || found.message.contains(CompilerDiagnostics.misusedReference) else { continue }
            let detail = FlowError.Detail(
                subject: "compiler", message: found.message + CompilerDiagnostics.advice(found.message),
                location: "\(display):\(found.line)")
            if !errors.contains(detail) { errors.append(detail) }
        }
    }

    /// `FILE:LINE:COLUMN: error: MESSAGE`
    private static func parse(_ line: Substring, _ file: String) -> (line: Int, isError: Bool, message: String)? {
        guard line.hasPrefix("\(file):") else { return nil }
        let parts = line.dropFirst(file.count + 1).split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let number = Int(parts[0]) else { return nil }
        let kind = parts[2].drop { $0 == " " }
        guard kind == "error" || kind == "warning" else { return nil }
        return (number, kind == "error", String(parts[3].drop { $0 == " " }))
    }

    /// What to do about messages that name types of FlowDSL instead of what the author meant.
    private static func advice(_ message: String) -> String {
        if message.contains("Condition' (aka 'Ref<Bool>') to") || message.contains("Ref<Bool>' to expected condition") {
            return ". The value is known when the run gets there: use when(…) { } instead of if"
        }
        if message.contains("Reference'") || message.contains("no exact matches in call to global function 'step'") {
            return ". An input of a step is a reference: another step, $parameter, or a member of one"
        }
        if message.contains("pack expansion requires") || message.contains("contextual closure type") {
            return ". A step's closure takes the context and one value for each input: { context, a, b in … }"
        }
        if message.contains("cannot be used with result builder 'FlowBuilder'") {
            return ". A body has steps, constants, if and for; declare types and functions outside of it"
        }
        return ""
    }

    /// Whether a failure could come of modules that the compiler kept and somebody damaged.
    static func mayBeModules(_ detail: FlowError.Detail) -> Bool {
        guard detail.subject == "compiler" else { return false }
        // A mistake in an import is the flow's own.
        guard !detail.message.contains("no such module") else { return false }
        return detail.location == nil || ["module", "PCM", "precompiled"].contains { detail.message.contains($0) }
    }

    /// For failures without a line in the flow file: linking, a broken installation.
    func rest(_ end: ChildProcess.End) -> FlowError.Detail {
        if text.contains("undefined reference to 'main'") {
            return FlowError.Detail(
                subject: "@main", message: "no type is marked with it: a flow file has one '@main struct NAME: Flow'", location: display)
        }
        let how = end.signal.map { "was ended by signal \($0)" } ?? "exited with status \(end.status ?? -1)"
        return FlowError.Detail(
            subject: "compiler", message: "swiftc \(how): \(text.isEmpty ? "it said nothing" : String(text))")
    }
}
