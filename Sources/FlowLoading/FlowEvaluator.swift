internal import FlowModel
internal import Glibc

/// Runs a compiled flow once, under confinement, to hear what it says of itself.
struct FlowEvaluator {
    let toolchain: Toolchain
    let seconds: Double
    /// The file as the user named it.
    let display: String
    let source: [UInt8]

    /// What a flow file says of itself: the form that `FlowDSL.FlowEnvelope` writes.
    struct Envelope: Codable {
        static let currentFormat = 1
        var format: Int
        var plan: Plan
        var diagnostics: [FlowError.Detail]
    }

    func evaluate(_ binary: String, _ cancellation: ChildProcess.Cancellation) throws(FlowError) -> Envelope {
        let libraries = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", toolchain.libraries].compactMap { $0 }
        let child = ChildProcess(
            path: binary, arguments: ["describe", "3"],
            // One arena for memory: others would reserve more than the limit allows. The runtime's own crash reports start a
            // process, which is refused.
            environment: ["LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1", "SWIFT_BACKTRACE": "enable=no"], folder: "/",
            seconds: seconds,
            confinement: Confinement(readable: [binary] + libraries))
        let end = try child.run(cancellation)
        try check(end)
        do {
            let envelope = try JSON.parse(end.report, maxDepth: Limits.planDepth).read(as: Envelope.self)
            guard envelope.format == Envelope.currentFormat, envelope.plan.format == Plan.currentFormat else {
                throw FlowError(
                    .load, subject: display, "\(display) was compiled with another version of FlowDSL than this program knows",
                    hint: "install flowctl and FlowDSL from one release")
            }
            return envelope
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.load, subject: display, "\(display) gave no plan: \(error)")
        }
    }

    /// Throws unless it ended as it should and said nothing but its plan.
    private func check(_ end: ChildProcess.End) throws(FlowError) {
        if let call = refusedCall(end) {
            let meaning = Confinement.meaning(ofCall: call) ?? "made a system call that is refused"
            throw failure(
                "\(meaning) and was stopped", ["socket", "connect", "write", "createFile", "Process", "fopen", "open", "fork"])
        }
        switch end.reason {
        case .ended: break
        case .cancelled: throw FlowError(.load, subject: display, "loading \(display) was cancelled")
        case .deadline:
            throw failure("did not finish within \(Self.text(seconds)) s and was stopped", ["while", "repeat", "for"])
        case .flooded:
            throw failure("wrote more than \(LoadLimits.envelopeBytes >> 20) MiB and was stopped", ["print", "write", "puts"])
        }
        if end.signal == Int(SIGXCPU) {
            throw failure("did not finish within \(Self.text(seconds)) s and was stopped", ["while", "repeat", "for"])
        }
        let said = Self.firstLine(end.errors)
        if let signal = end.signal {
            let limit = "It may use \(Limits.evaluateMemoryBytes >> 20) MiB of memory"
            throw failure("was ended by signal \(signal)\(said). \(limit)", ["fatalError", "preconditionFailure"])
        }
        guard end.status == 0 else { throw failure("exited with status \(end.status ?? -1)\(said)", ["exit"]) }
        guard end.output.isEmpty else {
            throw failure("printed to standard output\(Self.firstLine(end.output))", ["print", "puts", "printf", "dump"])
        }
        guard !end.report.isEmpty else { throw failure("ended without a plan\(said)", ["exit"]) }
    }

    /// The number of the system call that was refused, which FlowDSL writes in place of a plan.
    private func refusedCall(_ end: ChildProcess.End) -> Int? {
        if end.report.first == UInt8(ascii: "!") { return Int(String(decoding: end.report.dropFirst(), as: UTF8.self)) ?? -1 }
        return end.signal == Int(SIGSYS) ? -1 : nil
    }

    private func failure(_ what: String, _ suspects: [String]) -> FlowError {
        let line = suspectLine(suspects)
        return FlowError(
            .load, subject: display, "\(display) was not loaded: while it was evaluated it \(what)",
            hint: "A flow file only describes steps: move work into a step.",
            errors: line.map {
                [FlowError.Detail(subject: $0.word, message: "probably here", location: "\(display):\($0.line)")]
            } ?? [])
    }

    /// The first line that uses one of the words outside of a comment: a guess, and called one.
    private func suspectLine(_ words: [String]) -> (line: Int, word: String)? {
        // As the compiler counts them.
        let lines = String(decoding: source, as: UTF8.self).split(omittingEmptySubsequences: false) { ["\n", "\r\n", "\r"].contains($0) }
        for (index, line) in lines.enumerated() where !line.drop(while: \.isWhitespace).hasPrefix("//") {
            let found = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }.first { words.contains(String($0)) }
            if let found { return (index + 1, String(found)) }
        }
        return nil
    }

    private static func firstLine(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix(2_000), as: UTF8.self)
        let line = text.split(whereSeparator: \.isNewline).first.map {
            $0.filter { !$0.unicodeScalars.contains { $0.value < 0x20 } }
        }
        return line.map { ": \($0.prefix(300))" } ?? ""
    }

    private static func text(_ seconds: Double) -> String { JSON.double(seconds).text.replacingSuffix(".0", "") }
}

extension String {
    fileprivate func replacingSuffix(_ suffix: String, _ other: String) -> String {
        hasSuffix(suffix) ? dropLast(suffix.count) + other : self
    }
}
