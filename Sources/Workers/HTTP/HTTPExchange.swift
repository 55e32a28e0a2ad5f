import FlowHTTP
import FlowModel
import Glibc

/// One request of a step, to its answer.
struct HTTPExchange: Sendable {
    let client: HTTP.Client
    let request: HTTP.Request
    let work: HTTPWork
    let answer: HTTPResponseReader
    let attempt: LiveAttempt
    let output: OutputRecorder

    func carryOut() async -> AttemptResult.Outcome {
        let start = ContinuousClock.now
        let end = start + .seconds(request.times.whole ?? Limits.httpSeconds)
        var (number, isToldOf) = (1, false)
        while true {
            var request = request
            request.times.whole = max(0.001, (end - .now).inSeconds)
            let found = await ask(request)
            guard case .again(let outcome, let pause) = found, number < WorkerLimits.httpTries, pause <= WorkerLimits.httpPauseSeconds,
                .now + .seconds(pause) < end
            else {
                if isToldOf { attempt.report(.reachable) }
                return found.outcome
            }
            number += 1
            if case .failed(let failure) = outcome {
                attempt.report(.unreachable("\(failure.message); asked again in \(Int(pause.rounded(.up))) s"))
                isToldOf = true
            }
            do { try await Task.sleep(for: .seconds(pause)) } catch { return .cancelled }
        }
    }

    private enum Found {
        case settled(AttemptResult.Outcome)
        /// For certain it did nothing: it may be asked again after so many seconds; else that is how it ended.
        case again(AttemptResult.Outcome, pause: Double)

        var outcome: AttemptResult.Outcome {
            switch self {
            case .settled(let outcome), .again(let outcome, _): outcome
            }
        }
    }

    /// As the author put it together: what is encoded for the wire may be a secret in a form that nobody masks.
    private var name: String { "\(work.method.rawValue) \(HTTPExchange.oneLine(work.url.shown))" }

    private func ask(_ request: HTTP.Request) async -> Found {
        let start = ContinuousClock.now
        do {
            let stream = try await client.open(request)
            guard work.expect.contains(where: { $0.contains(stream.status) }) else {
                return await unexpected(stream, since: start, isRedirected: stream.redirects > 0)
            }
            let body: [UInt8]
            do {
                body = try await stream.collect(upTo: work.bodyBytes)
            } catch HTTP.Failure.tooLarge(_, let limit) {
                return .settled(tooMuch("was answered \(stream.status), with more than \(limit) bytes"))
            }
            await note("\(name): \(stream.status), \(body.count) bytes, \(start.duration(to: .now).shortText)\n", .stdout)
            return .settled(await answer.outcome(of: stream.head, body, attempt.secrets))
        } catch let failure as HTTP.Failure {
            return await found(failure)
        } catch {
            // It was stopped. What was begun may have been sent.
            guard !work.method.isSafe else { return .settled(.cancelled) }
            return .settled(.lost("\(name) was under way. Whether it took effect is not known"))
        }
    }

    /// It took effect if it was to, and what it gave is not known whole.
    private func tooMuch(_ why: String) -> AttemptResult.Outcome {
        work.method.isSafe ? .failed(.init(.output, "\(name) \(why)")) : .lost("\(name) \(why)")
    }

    private func note(_ text: String, _ stream: HostStream) async { await output.append(Array(text.utf8), to: stream) }

    private func unexpected(_ stream: HTTP.Stream, since start: ContinuousClock.Instant, isRedirected: Bool) async -> Found {
        let status = stream.status
        let beginning = await beginning(of: stream)
        await note("\(name): \(status), \(start.duration(to: .now).shortText)\n", .stdout)
        if !beginning.isEmpty { await note(beginning + "\n", .stderr) }
        let wanted = work.expect.map(\.text).joined(separator: ", ")
        let said = beginning.isEmpty ? "" : ": \(OutputText.keepable(String(beginning.prefix(200))))"
        let place = isRedirected ? " behind a redirect" : ""
        let pause = stream.headers.retryAfter(now: HTTPExchange.now, most: Int(Limits.waitSeconds))
        // It may be another time what it is not now (RFC 9110 §15.5.9 and §15.6, RFC 8470, RFC 6585).
        let mayChange = [408, 425, 429].contains(status) || status >= 500
        let failure = AttemptResult.Failure(
            mayChange ? .answer : .refused, "\(name) was answered \(status)\(place), expected \(wanted)\(said)",
            retryAfterSeconds: pause.map(Double.init))
        let outcome = AttemptResult.Outcome.failed(failure)
        // What came before the redirect was taken: it is not sent again without anybody's leave.
        if !isRedirected || work.method.isSafe, status == 429 || status == 503 && pause != nil {
            return .again(outcome, pause: pause.map(Double.init) ?? WorkerLimits.httpFirstPauseSeconds)
        }
        return .settled(outcome)
    }

    /// For people; what cannot be read of it is left out.
    private func beginning(of stream: HTTP.Stream) async -> String {
        var bytes: [UInt8] = []
        do {
            for try await piece in stream {
                bytes += piece
                if bytes.count >= WorkerLimits.httpShownBytes { break }
            }
        } catch {
            // There is no more of it.
        }
        return OutputText.keepable(String(decoding: bytes.prefix(WorkerLimits.httpShownBytes), as: UTF8.self))
    }

    private func found(_ failure: HTTP.Failure) async -> Found {
        let said = masked("\(failure)")
        await note("\(name): \(said)\n", .stderr)
        switch failure {
        case .refused, .nameNotFound, .unreachable, .overloaded, .busy, .timedOut(.connect, _), .proxy:
            return .again(.failed(.init(.unreachable, "nothing was sent: \(said)")), pause: WorkerLimits.httpFirstPauseSeconds)
        case .invalid(let why): return .settled(.failed(.init(.input, "nothing was sent: \(masked(why))")))
        case .forbiddenAddress(let refusal):
            let way = refusal.reason == .loopback ? "'egress: {loopback: true}'" : "'egress'"
            return .settled(.failed(.init(.input, "nothing was sent: \(refusal). \(way) in flowd.yaml allows it")))
        default: break
        }
        if failure.isBeforeSending { return .settled(.failed(.init(.input, "nothing was sent: \(said)"))) }
        guard work.method.isSafe else { return .settled(.lost("\(name): \(said). Whether it took effect is not known")) }
        if case .timedOut(.whole, _) = failure { return .settled(.timedOut) }
        return .settled(.failed(.init(.answer, "\(name): \(said)")))
    }

    /// The names of hosts are in small letters there, and a secret may be one.
    private func masked(_ text: String) -> String {
        attempt.secrets.values.filter { $0.utf8.count >= Limits.knownSecretBytes }.reduce(text) { text, secret in
            text.replacing(secret.lowercased(), with: "************")
        }
    }

    /// Without what ends a line or moves a cursor.
    private static func oneLine(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in OutputText.keepable(text).unicodeScalars {
            line.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
        }
        return String(line)
    }

    /// Seconds since 1970.
    private static var now: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec)
    }
}

extension Duration {
    fileprivate var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }

    /// `28 ms`, `1.7 s`.
    fileprivate var shortText: String { inSeconds < 1 ? "\(Int(inSeconds * 1_000)) ms" : "\(Double(Int(inSeconds * 10)) / 10) s" }
}
