package import FlowModel
package import Logging

/// The engine's side of the host record: one place, over whatever transport reaches it.
///
/// An attempt normally takes one connection: hello, journaled place, start, output, end, forget. When that connection is cut the
/// client asks on a new one and goes on where it was. docs/internals/host-record.md is the protocol.
package struct HostRecordClient: HostRecording, Sendable {
    private let transport: any Transport
    private let spool: String?
    private let silenceSeconds: Double
    private let logger: Logger
    private let farewells = Farewells()

    /// - Parameters:
    ///   - spool: the spool directory on the place; nil leaves it to the place (`$FLOW_SPOOL`, `/var/lib/flow/spool`, home).
    ///   - silenceSeconds: how long a host that was asked may stay silent; nil is `HostRecordLimits.silenceSeconds`.
    package init(transport: any Transport, spool: String?, silenceSeconds: Double? = nil, logger: Logger) {
        self.transport = transport
        self.spool = spool
        self.silenceSeconds = silenceSeconds ?? HostRecordLimits.silenceSeconds
        self.logger = logger
    }

    /// Says hello, reports the place through `placed` (false: the engine withdrew the order, nothing is sent), starts the job, and
    /// follows it to its end over as many connections as it takes.
    package func start(
        _ id: AttemptID, fence: Fence, target: String?, job: HostJob, sink: any OutputSink,
        placed: @Sendable (Place) async -> Bool, report: @escaping @Sendable (AttemptReport.Event) -> Void
    ) async -> HostOutcome {
        let conversation: HostDialogue
        let place: Place
        do {
            conversation = try await open(.start)
            place = conversation.place
        } catch {
            return .refused(AttemptResult.Failure(hostFault: error))
        }
        guard await placed(place) else {
            conversation.close()
            return .neverStarted
        }
        let begun = Begun()
        do {
            return try await closingOnError(conversation) {
                try await conversation.send(try HostRequest.start(id, fence, target, place, job))
                return try await follow(conversation, id, sink, (0, 0), begun, report) {}
            }
        } catch HostFault.said("known", let attempt) {
            return .lost(HostRecordClient.forgotten(attempt))
        } catch let fault as HostFault where fault.isRefusal {
            return .refused(AttemptResult.Failure(hostFault: fault))
        } catch {
            // It may have been sent: from here on only the host knows.
            if Task.isCancelled { return .lost(HostRecordClient.detached) }
            report(.unreachable("\(error)"))
            return await attach(id, fence: fence, target: target, place: place, sink: sink, report: report, begun, isKnownUnreachable: true)
        }
    }

    /// Asks with a raised fence, then follows or takes the result. Goes on asking while the host cannot be reached.
    package func attach(
        _ id: AttemptID, fence: Fence, target: String?, place: Place, sink: any OutputSink,
        report: @escaping @Sendable (AttemptReport.Event) -> Void
    ) async -> HostOutcome {
        await attach(id, fence: fence, target: target, place: place, sink: sink, report: report, Begun(), isKnownUnreachable: false)
    }

    private func attach(
        _ id: AttemptID, fence: Fence, target: String?, place: Place, sink: any OutputSink,
        report: @escaping @Sendable (AttemptReport.Event) -> Void, _ begun: Begun, isKnownUnreachable: Bool
    ) async -> HostOutcome {
        let asking = Asking(isKnownUnreachable: isKnownUnreachable, report: report)
        while !Task.isCancelled {
            do {
                let conversation = try await open(.attach)
                let found = conversation.place
                let outcome = try await closingOnError(conversation) {
                    let offsets = (await sink.taken(.stdout), await sink.taken(.stderr))
                    try await conversation.send([HostRequest.attach(id, fence, target, offsets)])
                    return try await follow(conversation, id, sink, offsets, begun, report, answered: asking.answered)
                }
                guard case .neverStarted = outcome else { return outcome }
                // That another place knows nothing of it proves nothing, nor that this one does any more.
                if let moved = found.isNot(place) { return .lost(moved) }
                return begun.isSo ? .lost(HostOutcome.recordIsGone) : outcome
            } catch HostFault.said("refused", let later) {
                return .lost(
                    "a later engine asked the host about it (fence \(later), here \(fence)): this database is an older copy, or a copy of it is in use"
                )
            } catch {
                if Task.isCancelled { break }
                guard await asking.failed(error) else { break }
            }
        }
        return .lost(HostRecordClient.detached)
    }

    /// TERM, grace, KILL until nothing is left; returns when the host said so. Goes on asking while it cannot be reached.
    package func kill(_ id: AttemptID, fence: Fence, target: String?, grace: Double) async {
        var pause = HostRecordLimits.firstPauseSeconds
        while !Task.isCancelled {
            do {
                // It is silent while the grace lasts.
                let conversation = try await open(.kill, extraSeconds: grace)
                defer { conversation.close() }
                let line = try await conversation.watching {
                    try await conversation.send([HostRequest.kill(id, fence, target, grace)])
                    return try await conversation.line()
                }
                if line == "empty" || line == "absent" { return }
                throw HostFault.garbled("it answered '\(line)'")
            } catch HostFault.said("refused", _) {
                // A higher fence was seen: who raised it empties what is older.
                return
            } catch {
                if Task.isCancelled { return }
                logger.warning("attempt could not be ended, trying again", metadata: about(id, target, error))
                guard await Asking.rests(pause) else { return }
                pause = HostRecordLimits.next(after: pause)
            }
        }
    }

    /// Removes the record. Best effort: one that stays is removed by age.
    package func forget(_ id: AttemptID, target: String?) async {
        if let conversation = farewells.take(id) {
            do {
                return try await ask(conversation, Array("forget\n".utf8))
            } catch {
                // That connection has been idle for some time: a new one tells.
                logger.debug("connection of an ended attempt was lost", metadata: about(id, target, error))
            }
        }
        do {
            try await ask(try await open(.forget), HostRequest.forget(id, target))
        } catch {
            logger.info("host record stays until it is removed by age", metadata: about(id, target, error))
        }
    }

    /// Lets go of connections that wait for the word to forget and have waited for so long: it then comes on a new one, or never.
    package func closeFarewells(olderThan seconds: Double) { farewells.close(olderThan: seconds) }

    private func ask(_ conversation: HostDialogue, _ request: [UInt8]) async throws {
        defer { conversation.close() }
        let answer = try await conversation.watching {
            try await conversation.send([request])
            return try await conversation.answer()
        }
        guard answer == "forgotten" else { throw HostFault.garbled("it answered '\(answer)'") }
    }

    // MARK: - Following

    /// Takes frames until the host has said how it is.
    ///
    /// Nothing that a host sends is believed: frames are bounded, output must go on where it was, and after the start a host can no
    /// longer say that it refused. With the first frame that makes sense it has `answered`.
    private func follow(
        _ conversation: HostDialogue, _ id: AttemptID, _ sink: any OutputSink, _ taken: (Int, Int), _ begun: Begun,
        _ report: @Sendable (AttemptReport.Event) -> Void, answered: () -> Void
    ) async throws -> HostOutcome {
        var next: [HostStream: Int] = [.stdout: taken.0, .stderr: taken.1]
        var value = HostValue()
        while true {
            let words: [String]
            do {
                words = try await conversation.line().split(separator: " ").map(String.init)
            } catch HostFault.said("alive", let rest) {
                // It is asked about again until it is over, whatever was heard of its start.
                throw HostFault.alive(rest)
            } catch HostFault.said(let code, let text) where begun.isSo {
                throw HostFault.garbled("it started it, and then it says \(code) \(text)")
            }
            switch words.first {
            case "tick": answered()
            case "started":
                begun.note()
                answered()
                report(.started(containment: words.last.flatMap(Containment.init) ?? .session))
            case "O", "E":
                let stream = words[0] == "O" ? HostStream.stdout : .stderr
                guard words.count == 3, let offset = Int(words[1]), let count = Int(words[2]), offset == next[stream],
                    (1...HostRecordLimits.frameBytes).contains(count)
                else { throw HostFault.garbled("a frame of output has no sense") }
                answered()
                try await sink.take(try await conversation.bytes(count), of: stream, at: offset)
                next[stream] = offset + count
            case "V": value = try await HostValue(words, conversation)
            case "ended":
                let end = try HostEnd(words: words, value: value)
                farewells.keep(conversation, for: id)
                return .ended(end)
            default:
                let outcome = try HostOutcome(withoutEnd: words)
                conversation.close()
                return outcome
            }
        }
    }

    // MARK: - Connections

    /// Proves that a step could run there: its shell runs the runner, which has what it needs and a spool that it can write in.
    ///
    /// Throws `TransportError` when it cannot be reached, and `AttemptResult.Failure` with what a step would fail with.
    package func hello() async throws {
        do {
            let conversation = try await open(.hello)
            defer { conversation.close() }
            let answer = try await conversation.watching {
                try await conversation.send([Array("hello\n".utf8)])
                return try await conversation.answer()
            }
            guard answer == "ready" else { throw HostFault.garbled("it answered '\(answer.prefix(80))'") }
        } catch let fault as HostFault {
            throw AttemptResult.Failure(hostFault: fault)
        }
    }

    private func open(_ verb: HostDialogue.Verb, extraSeconds: Double = 0) async throws -> HostDialogue {
        try await HostDialogue(transport, verb: verb, spool: spool, silenceSeconds: silenceSeconds + extraSeconds)
    }

    private func closingOnError(_ conversation: HostDialogue, _ body: () async throws -> HostOutcome) async throws -> HostOutcome {
        do {
            return try await conversation.watching(body)
        } catch {
            conversation.close()
            throw error
        }
    }

    private static let detached = "it was not asked about any more"

    private static func forgotten(_ attempt: String) -> String {
        "the host has run attempt \(attempt) of it, of which the journal knows nothing: the database came out of a backup"
    }

    private func about(_ id: AttemptID, _ target: String?, _ error: any Error) -> Logger.Metadata {
        ["run": "\(id.run)", "step": "\(id.step)", "attempt": "\(id.number)", "target": "\(target ?? "here")", "reason": "\(error)"]
    }
}
