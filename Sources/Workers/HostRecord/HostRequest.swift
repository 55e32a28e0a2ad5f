internal import FlowCrypto
internal import FlowModel

/// Writes requests to the runner: lines of `key value`, ended by `go`, then the parts that were too long for a line.
enum HostRequest {
    /// What `start` is asked, piece by piece, so that a large file is not copied once more.
    ///
    /// Throws for what would not stay on its line: the request is lines.
    static func start(
        _ id: AttemptID, _ fence: Fence, _ target: String?, _ place: Place, _ job: HostJob
    ) throws(HostFault) -> [[UInt8]] {
        var lines = head(id, fence, target)
        lines.append("place \(place.bootID) \(place.spoolID)")
        lines.append("timeout \(job.deadlineSeconds.map { String(centiseconds($0)) } ?? "-")")
        lines.append("grace \(centiseconds(Limits.graceSeconds))")
        lines.append("cap \(job.outputCap)")
        lines.append("program \(try line(job.interpreter, "the interpreter"))")
        if let lastSent = job.lastSent { lines.append("after \(lastSent)") }
        if let account = job.account { lines.append("account \(try line(account, "the account"))") }
        for (name, value) in job.environment.sorted(by: { $0.key < $1.key }) {
            lines.append("env \(name) \(try line(value, name))")
        }
        let workdir = Array((job.workdir ?? "").utf8)
        lines.append("lengths \(job.prelude.count) \(job.script.count) \(workdir.count) \(job.data.count)")
        if !workdir.isEmpty { lines.append("dir \(escaped(workdir))") }
        var parts: [[UInt8]] = []
        for (name, bytes) in [("prelude", job.prelude), ("script", job.script), ("data", job.data)] where !bytes.isEmpty {
            if bytes.count <= HostRecordLimits.inlineBytes, name != "data" {
                lines.append("\(name) \(escaped(bytes))")
            } else {
                lines.append("file \(name) \(bytes.count)")
                parts.append(bytes)
            }
        }
        return [text(lines)] + parts
    }

    static func attach(_ id: AttemptID, _ fence: Fence, _ target: String?, _ taken: (Int, Int)) -> [UInt8] {
        text(head(id, fence, target) + ["from \(taken.0) \(taken.1)"])
    }

    static func kill(_ id: AttemptID, _ fence: Fence, _ target: String?, _ grace: Double) -> [UInt8] {
        text(head(id, fence, target) + ["grace \(centiseconds(grace))"])
    }

    static func forget(_ id: AttemptID, _ target: String?) -> [UInt8] {
        text(head(id, Fence(epoch: 0, attempt: id.number), target))
    }

    /// The name of the step's folder in the spool: the same for every attempt of one step on one target.
    private static func head(_ id: AttemptID, _ fence: Fence, _ target: String?) -> [String] {
        let identity = "\(id.run)\n\(id.step)\n\(target ?? "")"
        let folder = Digest(of: identity.utf8).hex.prefix(32)
        return ["step \(folder)", "fence \(fence.epoch) \(fence.attempt)"]
    }

    private static func text(_ lines: [String]) -> [UInt8] {
        Array((lines + ["go"]).joined(separator: "\n").utf8) + [0x0A]
    }

    private static func centiseconds(_ seconds: Double) -> Int { Int(min(max(0, seconds * 100), 1e12).rounded(.up)) }

    private static func line(_ value: String, _ what: String) throws(HostFault) -> String {
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw .said("input", "\(what) contains a control character")
        }
        return value
    }

    /// As `printf %b` reads it back: everything but printable ASCII as an octal escape, and spaces at the ends, which `read` takes off.
    private static func escaped(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count * 2)
        for (index, byte) in bytes.enumerated() {
            let isInside = index > 0 && index < bytes.count - 1
            if byte == 0x20 ? isInside : (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\\") {
                out.append(byte)
            } else {
                out += [UInt8(ascii: "\\"), 0x30, 0x30 + (byte >> 6), 0x30 + (byte >> 3 & 7), 0x30 + (byte & 7)]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// The runner's text, as it is given to a place's shell.
package enum HostRunner {
    /// The constant command for a verb, as every login shell reads it alike: `sh` and its kin, `csh`, `tcsh`, `fish`.
    /// - Parameter shell: what runs the runner; all of them can.
    package static func command(_ verb: String, spool: String?, shell: String = "/bin/sh") -> String {
        guard let spool else { return "exec \(shell) -c '\(loader)' flow-runner \(verb) \(words)" }
        // Only this machine is told where, and its commands go through /bin/sh: nothing has to be put together again.
        return "FLOW_SPOOL=\(Prelude.quoted(spool)); export FLOW_SPOOL; exec \(shell) -c '\(text)' flow-runner \(verb)"
    }

    /// Puts the text together again, with the verb as its only argument.
    private static let loader = #"v=$1; shift; t=$(printf %b "$@"); set -- "$v"; eval "$t""#

    /// The text in words that mean themselves within single quotes everywhere: no newline and no `!`, which `csh` reads there, and no two
    /// backslashes together, of which `fish` makes one.
    private static let words: String = {
        var words: [String] = []
        var word = ""
        for character in text.unicodeScalars {
            switch character {
            case "\n": word += #"\n"#
            case "\\": word += #"\0134"#
            case "!": word += #"\0041"#
            default: word.unicodeScalars.append(character)
            }
            if word.utf8.count >= HostRecordLimits.wordBytes {
                words.append(word)
                word = ""
            }
        }
        return (words + [word]).filter { !$0.isEmpty }.map { "'\($0)'" }.joined(separator: " ")
    }()

    /// Without comments and indentation. It holds no single quote.
    package static let text: String = {
        let source = String(decoding: PackageResources.runner_sh, as: UTF8.self)
        precondition(!source.contains("'"), "the runner must not hold a single quote")
        let lines = WrittenText.lines(of: source).map { $0.drop { $0 == " " } }
        return lines.filter { !$0.hasPrefix("#") && !$0.isEmpty }.joined(separator: "\n")
    }()
}
