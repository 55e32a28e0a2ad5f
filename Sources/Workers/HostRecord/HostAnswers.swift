internal import FlowModel

/// `$FLOW_OUTPUT` as it came: `V LENGTH` and the bytes, or `V -` when the host could not keep them.
struct HostValue {
    var bytes: [UInt8]?
    var isTooLong = false
    var wasLost = false

    init() {}

    init(_ words: [String], _ conversation: HostDialogue) async throws {
        guard words.count == 2 else { throw HostFault.garbled("a frame of $FLOW_OUTPUT has no sense") }
        guard words[1] != "-" else {
            wasLost = true
            return
        }
        guard let count = Int(words[1]), (1...Limits.stepOutputBytes + 1).contains(count) else {
            throw HostFault.garbled("$FLOW_OUTPUT has no length")
        }
        bytes = try await conversation.bytes(count)
        isTooLong = count > Limits.stepOutputBytes
    }
}

extension HostEnd {
    /// `ended STATUS REASON OUT OUT-DROPPED ERR ERR-DROPPED AGO`
    init(words: [String], value: HostValue) throws {
        let numbers = words.dropFirst(3).prefix(4).compactMap(Int.init)
        guard words.count == 8, let status = Int(words[1]), (0...255).contains(status), numbers.count == 4,
            numbers.allSatisfy({ (0...1 << 60).contains($0) })
        else {
            throw HostFault.garbled("its end has no sense")
        }
        let ago = Int(words[7]).flatMap { (0...1 << 60).contains($0) ? Double($0) / 100 : nil }
        // What a shell makes of a signal; a script that exits so by itself looks the same, so the status is kept too.
        let signal = status > 128 && status <= 192 ? status - 128 : nil
        let cause: Cause =
            switch words[2] {
            case "-": signal == nil ? .exited : .signalled
            case "timedOut": .timedOut
            default: .cancelled
            }
        self.init(
            cause: cause, exitStatus: status, signal: signal, stdoutBytes: numbers[0] + numbers[1],
            stderrBytes: numbers[2] + numbers[3], output: value.bytes, outputIsTooLong: value.isTooLong, outputWasLost: value.wasLost,
            secondsAgo: ago)
    }
}

extension HostOutcome {
    /// What a host says of an attempt that has no end.
    init(withoutEnd words: [String]) throws {
        switch (words.first, words.last) {
        case ("died", "cancelled"): self = .ended(HostEnd(cause: .cancelled))
        case ("died", "timedOut"): self = .ended(HostEnd(cause: .timedOut))
        case ("died", _): self = .lost("the process that watched over it on the host was killed")
        case ("absent", _): self = .neverStarted
        case ("gone", _): self = .lost(HostOutcome.recordIsGone)
        case ("rebooted", _): self = .lost("the host was rebooted while it ran")
        default: throw HostFault.garbled("'\(words.joined(separator: " ").prefix(80))' is no frame")
        }
    }

    /// Why nobody knows what came of an attempt that had begun.
    static let recordIsGone = "it began on the host, and its record is gone from there, or cannot be read"
}

extension AttemptResult.Failure {
    /// Why nothing was started, from what a transport or a host said.
    init(hostFault error: any Error) {
        switch error {
        case let error as TransportError: self.init(error.phase == .hostKey ? .hostKey : .unreachable, "\(error)")
        case HostFault.said(let code, let text): self.init(refusal: code, text)
        default: self.init(.unreachable, "\(error)")
        }
    }

    private init(refusal code: String, _ text: String) {
        switch code {
        case "input": self.init(.input, "the host did not accept the request: \(text)")
        case "missing": self.init(.infrastructure, "the host lacks \(text)")
        case "sudo": self.init(.infrastructure, "sudo -n was refused on the host: \(text)")
        case "refused": self.init(.infrastructure, "the host knows a later attempt (fence \(text))")
        default: self.init(.infrastructure, "the host did not start it: \(text)")
        }
    }
}
