internal import Crypto
internal import FlowModel

/// Writes requests to the runner: lines of `key value`, ended by `go`, then the parts that were too long for a line.
enum HostRequest {
    static func start(_ id: AttemptID, _ fence: Fence, _ target: String?, _ place: Place, _ job: HostJob) -> [UInt8] {
        var lines = head(id, fence, target)
        lines.append("place \(place.bootID) \(place.spoolID)")
        lines.append("timeout \(job.deadlineSeconds.map { String(Int(($0 * 100).rounded(.up))) } ?? "-")")
        lines.append("grace \(Int(WorkerLimits.graceSeconds * 100))")
        lines.append("cap \(job.outputCap)")
        lines.append("program \(job.interpreter)")
        if let account = job.account { lines.append("account \(account)") }
        for (name, value) in job.environment.sorted(by: { $0.key < $1.key }) { lines.append("env \(name) \(value)") }
        let workdir = Array((job.workdir ?? "").utf8)
        lines.append("lengths \(job.prelude.count) \(job.script.count) \(workdir.count) \(job.data.count)")
        if !workdir.isEmpty { lines.append("dir \(escaped(workdir))") }
        var tail: [UInt8] = []
        for (name, bytes) in [("prelude", job.prelude), ("script", job.script)] {
            if bytes.count <= HostRecordLimits.inlineBytes {
                if !bytes.isEmpty { lines.append("\(name) \(escaped(bytes))") }
            } else {
                lines.append("file \(name) \(bytes.count)")
                tail += bytes
            }
        }
        if !job.data.isEmpty {
            lines.append("file data \(job.data.count)")
            tail += job.data
        }
        return text(lines) + tail
    }

    static func attach(_ id: AttemptID, _ fence: Fence, _ target: String?, _ taken: (Int, Int)) -> [UInt8] {
        text(head(id, fence, target) + ["from \(taken.0) \(taken.1)"])
    }

    static func kill(_ id: AttemptID, _ fence: Fence, _ target: String?, _ grace: Double) -> [UInt8] {
        text(head(id, fence, target) + ["grace \(Int(grace * 100))"])
    }

    static func forget(_ id: AttemptID, _ target: String?) -> [UInt8] {
        text(head(id, Fence(epoch: 0, attempt: id.number), target))
    }

    /// The name of the step's folder in the spool: the same for every attempt of one step on one target.
    private static func head(_ id: AttemptID, _ fence: Fence, _ target: String?) -> [String] {
        let identity = "\(id.run)\n\(id.step)\n\(target ?? "")"
        let folder = FlowModel.Digest(bytes: SHA256.hash(data: Array(identity.utf8))).hex.prefix(32)
        return ["step \(folder)", "fence \(fence.epoch) \(fence.attempt)"]
    }

    private static func text(_ lines: [String]) -> [UInt8] {
        Array((lines + ["go"]).joined(separator: "\n").utf8) + [0x0A]
    }

    /// As `printf %b` reads it back: everything but plain letters, digits and marks as an octal escape.
    private static func escaped(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            if (0x21...0x7E).contains(byte), byte != UInt8(ascii: "\\") {
                out.append(byte)
            } else {
                let octal = [byte >> 6, byte >> 3 & 7, byte & 7].map { $0 + 0x30 }
                out += [UInt8(ascii: "\\"), 0x30] + octal
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// The runner's text, as it is given to a place's shell.
enum HostRunner {
    /// The constant command for a verb.
    static func command(_ verb: String, spool: String?) -> String {
        let prefix = spool.map { "FLOW_SPOOL=\(Prelude.quoted($0)); export FLOW_SPOOL; " } ?? ""
        return "\(prefix)exec /bin/sh -c '\(text)' flow-runner \(verb)"
    }

    /// Without comments and indentation. It holds no single quote.
    private static let text: String = {
        let source = String(decoding: PackageResources.runner_sh, as: UTF8.self)
        precondition(!source.contains("'"), "the runner must not hold a single quote")
        let lines = source.split(separator: "\n").map { $0.drop { $0 == " " } }
        return lines.filter { !$0.hasPrefix("#") && !$0.isEmpty }.joined(separator: "\n")
    }()
}
