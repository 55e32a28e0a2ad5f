internal import Crypto
package import FlowModel

/// The engine's side of the host record: one place, over whatever transport reaches it.
///
/// An attempt normally takes one connection: hello, journaled place, start, output, end, forget. When that connection is cut the
/// client asks on a new one and goes on where it was. docs/internals/host-record.md is the protocol.
package struct HostRecordClient: HostRecording, Sendable {
    private let transport: any Transport
    private let spool: String?
    private let farewells = Farewells()

    /// - Parameter spool: the spool directory on the place; nil leaves it to the place (`$FLOW_SPOOL`, `/var/lib/flow/spool`, home).
    package init(transport: any Transport, spool: String?) {
        self.transport = transport
        self.spool = spool
    }

    /// Says hello, reports the place through `placed` (false: the engine withdrew the order, nothing is sent), starts the job, and
    /// follows it to its end over as many connections as it takes.
    package func start(
        _ id: AttemptID, fence: Fence, target: String?, job: HostJob, sink: any OutputSink,
        placed: @Sendable (Place) async -> Bool, report: @Sendable (AttemptReport.Event) -> Void
    ) async -> HostOutcome {
        let conversation: HostDialogue
        let place: Place
        do {
            conversation = try await HostDialogue(transport, verb: .start, spool: spool)
            place = conversation.place
        } catch {
            return .refused(HostRecordClient.failure(error))
        }
        guard await placed(place) else {
            await conversation.close()
            return .neverStarted
        }
        do {
            try await conversation.send(try HostRequest.start(id, fence, target, place, job))
            return try await follow(conversation, id, sink, (0, 0), report)
        } catch HostFault.said(let code, let text) {
            await conversation.close()
            return .refused(HostRecordClient.refusal(code, text))
        } catch {
            // It may have been sent: from here on only the host knows.
            await conversation.close()
            if Task.isCancelled { return .lost(HostRecordClient.detached) }
            report(.unreachable("\(error)"))
            return await attach(id, fence: fence, target: target, place: place, sink: sink, report: report, isKnownUnreachable: true)
        }
    }

    /// Asks with a raised fence, then follows or takes the result. Goes on asking while the host cannot be reached.
    package func attach(
        _ id: AttemptID, fence: Fence, target: String?, place: Place, sink: any OutputSink,
        report: @Sendable (AttemptReport.Event) -> Void
    ) async -> HostOutcome {
        await attach(id, fence: fence, target: target, place: place, sink: sink, report: report, isKnownUnreachable: false)
    }

    private func attach(
        _ id: AttemptID, fence: Fence, target: String?, place: Place, sink: any OutputSink,
        report: @Sendable (AttemptReport.Event) -> Void, isKnownUnreachable: Bool
    ) async -> HostOutcome {
        var isUnreachable = isKnownUnreachable
        var pause = HostRecordLimits.firstPauseSeconds
        while !Task.isCancelled {
            do {
                let conversation = try await HostDialogue(transport, verb: .attach, spool: spool)
                if isUnreachable { report(.reachable) }
                isUnreachable = false
                pause = HostRecordLimits.firstPauseSeconds
                guard conversation.place == place else {
                    await conversation.close()
                    return .lost(HostRecordClient.moved(from: place, to: conversation.place))
                }
                let offsets = (await sink.taken(.stdout), await sink.taken(.stderr))
                try await conversation.send(HostRequest.attach(id, fence, target, offsets))
                return try await follow(conversation, id, sink, offsets, report)
            } catch HostFault.said("refused", let later) {
                return .lost("the host has been asked with a later fence (\(later)) than \(fence)")
            } catch {
                if Task.isCancelled { break }
                if !isUnreachable { report(.unreachable("\(error)")) }
                isUnreachable = true
                await HostRecordClient.rest(&pause)
            }
        }
        return .lost(HostRecordClient.detached)
    }

    /// TERM, grace, KILL until nothing is left; returns when the host said so. Goes on asking while it cannot be reached.
    package func kill(_ id: AttemptID, fence: Fence, target: String?, grace: Double) async {
        var pause = HostRecordLimits.firstPauseSeconds
        while !Task.isCancelled {
            do {
                let conversation = try await HostDialogue(transport, verb: .kill, spool: spool)
                defer { conversation.abandon() }
                try await conversation.send(HostRequest.kill(id, fence, target, grace))
                let line = try await conversation.line()
                if line == "empty" || line == "absent" { return }
                throw HostFault.garbled("it answered '\(line)'")
            } catch HostFault.said("refused", _) {
                // A higher fence was seen: who raised it empties what is older.
                return
            } catch {
                await HostRecordClient.rest(&pause)
            }
        }
    }

    /// Removes the record. Best effort: one that stays is removed by age.
    package func forget(_ id: AttemptID, target: String?) async {
        if let conversation = farewells.take(id) {
            return await ask(conversation, Array("forget\n".utf8))
        }
        guard let conversation = try? await HostDialogue(transport, verb: .forget, spool: spool) else { return }
        await ask(conversation, HostRequest.forget(id, target))
    }

    private func ask(_ conversation: HostDialogue, _ request: [UInt8]) async {
        do {
            try await conversation.send(request)
            _ = try await conversation.answer()
        } catch {
            // The record stays until it is too old.
        }
        await conversation.close()
    }

    // MARK: - Following

    /// Takes frames until the host has said how it is.
    ///
    /// Nothing that a host sends is believed: frames are bounded, output must go on where it was, and after the start a host can no
    /// longer say that it refused.
    private func follow(
        _ conversation: HostDialogue, _ id: AttemptID, _ sink: any OutputSink, _ taken: (Int, Int),
        _ report: @Sendable (AttemptReport.Event) -> Void
    ) async throws -> HostOutcome {
        var next: [HostStream: Int] = [.stdout: taken.0, .stderr: taken.1]
        var value = HostValue()
        var isStarted = false
        while true {
            let words: [String]
            do {
                words = try await conversation.line().split(separator: " ").map(String.init)
            } catch HostFault.said(let code, let text) where isStarted {
                throw HostFault.garbled("it started it, and then it says \(code) \(text)")
            }
            switch words.first {
            case "started":
                isStarted = true
                report(.started(containment: words.last.flatMap(Containment.init) ?? .session))
            case "O", "E":
                let stream = words[0] == "O" ? HostStream.stdout : .stderr
                guard words.count == 3, let offset = Int(words[1]), let count = Int(words[2]), offset == next[stream],
                    (1...HostRecordLimits.frameBytes).contains(count)
                else { throw HostFault.garbled("a frame of output has no sense") }
                try await sink.take(try await conversation.bytes(count), of: stream, at: offset)
                next[stream] = offset + count
            case "V": value = try await HostValue(words, conversation)
            case "ended":
                let end = try HostEnd(words: words, value: value)
                farewells.keep(conversation, for: id)
                return .ended(end)
            default:
                let outcome = try HostRecordClient.outcome(without: words)
                await conversation.close()
                return outcome
            }
        }
    }

    /// What a host says of an attempt that has no end.
    private static func outcome(without words: [String]) throws -> HostOutcome {
        switch (words.first, words.last) {
        case ("died", "cancelled"): .ended(HostEnd(cause: .cancelled))
        case ("died", "timedOut"): .ended(HostEnd(cause: .timedOut))
        case ("died", _): .lost("the process that watched over it on the host was killed")
        case ("absent", _): .neverStarted
        case ("rebooted", _): .lost("the host was rebooted while it ran")
        default: throw HostFault.garbled("'\(words.joined(separator: " ").prefix(80))' is no frame")
        }
    }

    // MARK: - Trouble

    private static let detached = "it was not asked about any more"

    private static func moved(from old: Place, to new: Place) -> String {
        old.bootID != new.bootID
            ? "the host was rebooted since it was started" : "the host's spool is not the one that it was started in"
    }

    private static func failure(_ error: any Error) -> AttemptResult.Failure {
        switch error {
        case let error as TransportError:
            AttemptResult.Failure(error.phase == .hostKey ? .hostKey : .unreachable, "\(error)")
        case HostFault.said(let code, let text): refusal(code, text)
        default: AttemptResult.Failure(.unreachable, "\(error)")
        }
    }

    private static func refusal(_ code: String, _ text: String) -> AttemptResult.Failure {
        switch code {
        case "input": AttemptResult.Failure(.input, "the host did not accept the request: \(text)")
        case "missing": AttemptResult.Failure(.infrastructure, "the host lacks \(text)")
        case "sudo": AttemptResult.Failure(.infrastructure, "sudo -n was refused on the host: \(text)")
        case "refused": AttemptResult.Failure(.infrastructure, "the host knows a later attempt (fence \(text))")
        default: AttemptResult.Failure(.infrastructure, "the host did not start it: \(text)")
        }
    }

    private static func rest(_ pause: inout Double) async {
        // Only cancellation ends the sleep early, which the loop looks at.
        try? await Task.sleep(for: .seconds(pause))
        pause = min(pause * 2, HostRecordLimits.longestPauseSeconds)
    }
}

/// The bounds of the conversation with a host.
enum HostRecordLimits {
    static let lineBytes = 4_096
    static let frameBytes = 1 << 20
    /// Seconds until a host that was reached must have said hello.
    static let helloSeconds = 20.0
    static let firstPauseSeconds = 0.2
    static let longestPauseSeconds = 30.0
    /// Ended attempts whose connection waits for the word to forget.
    static let farewells = 256
    /// A part of a job up to this many bytes is sent in the header.
    static let inlineBytes = 2_048
    /// What login files may write before the hello.
    static let noiseBytes = 64 << 10
}

/// What a host said instead of an answer, or what makes no sense.
enum HostFault: Error, CustomStringConvertible {
    case said(String, String)
    case garbled(String)

    var description: String {
        switch self {
        case .said(let code, let text): "\(code) \(text)"
        case .garbled(let message): "the host's answer makes no sense: \(message)"
        }
    }
}

/// `$FLOW_OUTPUT` as it came: `V LENGTH` and the bytes, or `V -` when the host could not keep them.
private struct HostValue {
    var bytes: [UInt8]?
    var isTooLong = false

    init() {}

    init(_ words: [String], _ conversation: HostDialogue) async throws {
        guard words.count == 2 else { throw HostFault.garbled("a frame of $FLOW_OUTPUT has no sense") }
        guard words[1] != "-" else {
            isTooLong = true
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
    /// `ended STATUS REASON OUT OUT-DROPPED ERR ERR-DROPPED`
    fileprivate init(words: [String], value: HostValue) throws {
        let numbers = words.dropFirst(3).compactMap(Int.init)
        guard words.count == 7, let status = Int(words[1]), numbers.count == 4, numbers.allSatisfy({ (0...1 << 60).contains($0) }) else {
            throw HostFault.garbled("its end has no sense")
        }
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
            stderrBytes: numbers[2] + numbers[3], output: value.bytes, outputIsTooLong: value.isTooLong)
    }
}
