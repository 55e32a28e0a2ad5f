import FlowModel
import FlowWire

/// What `flowctl` says beside its data. One function a message; `Tests/FlowctlTests/Snapshots` pins the wording.
enum Messages {
    /// An error for people: what, why, each fault on its own line, what to type next.
    static func text(of error: any Error) -> String {
        guard let error = error as? FlowError else { return "flowctl: \(String(describing: error).neutralised())" }
        var lines = ["flowctl: \(error.message)"]
        for detail in error.errors {
            let place = detail.location.map { "\($0): " } ?? ""
            let subject = detail.subject.isEmpty || place.contains(detail.subject) ? "" : "\(detail.subject): "
            lines.append("  \(place)\(subject)\(detail.message)")
        }
        if let hint = error.hint { lines.append("Next: \(hint)") }
        return lines.map { $0.neutralised(keeping: ["\n", "\t"]) }.joined(separator: "\n")
    }

    static func outputCut(_ run: RunID) -> String {
        "The engine ended before all output was shown. All of it: flowctl logs \(run)"
    }

    static func noArtifact(_ step: String, of run: String, among others: [StepPath]) -> FlowError {
        let list = others.prefix(Limits.membersNamed).map { "'\($0)'" }.joined(separator: ", ")
        return FlowError(
            .notFound, subject: step, "Step '\(step)' has no artifact; \(others.isEmpty ? "no step of the run has one" : "these have: \(list)").",
            hint: "flowctl artifacts \(run)")
    }

    // MARK: - Backup

    static func backupCut(_ why: String) -> FlowError {
        FlowError(
            .storage, subject: "standard output", "The backup is not complete: standard output cannot be written: \(why).",
            hint: "flowctl backup FILE, where there is room")
    }

    static let backupToTerminal = FlowError(
        .usage, subject: "-", "No backup was written: - is standard output, which is a terminal, and a database is no text.",
        hint: "flowctl backup FILE, or: flowctl backup - | …")

    /// Whoever needs the copy has to have the rest, too.
    static func backup(_ bytes: Int, to place: String) -> String {
        """
        Wrote \(bytes) bytes to \(place). It is the database alone. To be kept beside it: inventory.yaml, flowd.yaml, calendars/, the files of 'tls:'.
        secret.key is not in it either: keep a copy of the key in another place. Without it sealed secrets stay closed.
        """
    }

    // MARK: - Reaching an engine

    static let serverAndHome = FlowError(
        .usage, subject: "--server", "Nothing was done: --server and --home are both given, and they are two places.",
        hint: "leave out one of them")

    static let serverAndInventory = FlowError(
        .usage, subject: "--inventory", "Nothing was done: a server has its own inventory, --inventory names one for an engine on this machine.",
        hint: "leave out --inventory, or name the engine's directory with --home")

    static let caWithoutTLS = FlowError(
        .usage, subject: "--ca", "Nothing was done: --ca names who signed a server's certificate, and there is no https server.",
        hint: "flowctl … --server https://HOST:PORT --ca FILE")

    static func otherInventory(_ home: String, used: String, asked: String) -> FlowError {
        FlowError(
            .conflict, subject: "--inventory",
            "Nothing was done: the engine of \(home) serves with the hosts of \(used), not with those of \(asked).",
            hint: "leave out --inventory, or wait until that engine has ended")
    }

    static func notAURL(_ text: String) -> FlowError {
        FlowError(
            .usage, subject: text, "Nothing was done: '\(text)' is not the URL of a server.",
            hint: "give one such as https://flow.example.org:8443")
    }

    static func noAnswer(_ failure: TransportFailure, from server: ServerAddress) -> FlowError {
        let why =
            switch failure.kind {
            case .nobody: "nobody listens there"
            case .denied: "this user may not connect to it"
            case .timedOut: "it did not answer in time"
            case .lost: "the connection ended before the answer was complete"
            case .other: failure.message
            }
        return FlowError(
            .unreachable, subject: "\(server)", "No answer from \(server): \(why).", hint: "flowctl doctor")
    }

    static func refusal(status: Int, from server: ServerAddress) -> FlowError {
        let code: FlowError.Code =
            switch status {
            case 400: .usage
            case 401: .unauthenticated
            case 403: .forbidden
            case 404: .notFound
            case 409: .conflict
            case 413: .tooLarge
            case 503: .overloaded
            default: .unreachable
            }
        return FlowError(
            code, subject: "\(server)", "\(server) answered with HTTP status \(status) and without saying why.",
            hint: "flowctl doctor")
    }

    static func strangeAnswer(from server: ServerAddress, status: Int, _ why: String) -> FlowError {
        FlowError(
            .unreachable, subject: "\(server)",
            "\(server) answered (HTTP status \(status)) with something that this flowctl does not understand: \(why).",
            hint: "compare both versions with: flowctl version")
    }

    static func socketDenied(_ home: String) -> FlowError {
        FlowError(
            .unreachable, subject: home, "The engine of \(home) was not reached: this user may not open \(home)/flow.sock.",
            hint: "ask the owner of the directory, or use its server: flowctl --server URL …")
    }

    static func engineSilent(_ home: String) -> FlowError {
        FlowError(
            .unreachable, subject: home,
            "The engine of \(home) did not answer within \(Int(CommandLimits.startSeconds)) s after it was started.",
            hint: "tail \(home)/flowd.log")
    }

    static func leftInBackground(_ count: Int, home: String) -> String {
        let runs = count == 1 ? "1 run goes" : "\(count) runs go"
        return "\(runs) on in the background, in an engine that ends when it has nothing to do (log: \(home)/flowd.log)."
    }

    static func nobodyWorks(_ count: Int, home: String) -> String {
        let runs = count == 1 ? "1 run is open here and stands" : "\(count) runs are open here and stand"
        return "\(runs) still: no engine works on \(home).\n" + startOne(home)
    }

    static func nobodyServes(_ consequence: String, home: String) -> String {
        "\(consequence) while no engine serves \(home).\n" + startOne(home)
    }

    private static func startOne(_ home: String) -> String { "Start one: flowd --home \(home), or: flowctl server --home \(home)" }

    // MARK: - Following

    static func detached(_ run: RunID) -> String {
        "Run \(run) goes on in the background. Watch it with: flowctl watch \(run)"
    }

    static func interrupted(_ run: RunID) -> String {
        "Interrupted: you left, run \(run) goes on.\nWatch it with:  flowctl watch \(run)\nCancel it with: flowctl cancel \(run)"
    }

    static func reconnecting(_ server: String) -> String { "The connection to \(server) was lost; trying again." }

    static func tokenUnused(_ home: String) -> String {
        "FLOW_TOKEN is not used: \(home) is asked over its socket, where you are who you are on this machine. With a token: --server URL."
    }

    static func waitingForEngine(_ home: String) -> String {
        "The engine of \(home) does not answer; waiting for it, \(Int(CommandLimits.reconnectSeconds)) s at most."
    }

    static func waitingForAnyEngine(_ home: String) -> String {
        "The engine of \(home) belonged to another command and has ended; waiting for the next one, \(Int(CommandLimits.reconnectSeconds)) s "
            + "at most.\nStart one: flowd --home \(home), or: flowctl server --home \(home)"
    }

    static func gaveUpFollowing(_ run: RunID, _ failure: FlowError) -> FlowError {
        FlowError(
            .unreachable, subject: run.text,
            "Run \(run) is no longer followed: \(failure.message) The run goes on wherever its engine does.",
            hint: "flowctl watch \(run)")
    }

    static let inputNotHandedOn =
        "Note: what stands on standard input is not handed on to hosts; the command reads nothing there. Files go to hosts with a flow's copy."

    static func existed(_ run: RunID) -> String { "Run \(run) was started with this key before; nothing new was started." }

    /// Of a plan: why a run of it could not get to its end.
    static func shut(_ problems: [FlowError.Detail]) -> String {
        (["As things are a run could not get to its end:"] + problems.map { "  \($0.subject): \($0.message)".neutralised() }).joined(separator: "\n")
    }

    // MARK: - Arguments

    static func badPair(_ text: String, option: String) -> FlowError {
        FlowError(
            .usage, subject: option, "Nothing was done: '\(text)' after \(option) has no '='; expected name=value.",
            hint: "\(option) name=value")
    }

    static func givenTwice(_ name: String, option: String) -> FlowError {
        FlowError(.usage, subject: name, "Nothing was done: \(option) gives '\(name)' twice.")
    }

    static func badInputsFile(_ path: String, _ why: String) -> FlowError {
        FlowError(
            .inputs, subject: path, "Nothing was done: \(path) is not a JSON object of inputs: \(why).",
            hint: #"write it as {"name": "value"}"#)
    }

    static func badJSON(_ text: String, _ error: JSONError, option: String) -> FlowError {
        FlowError(
            .usage, subject: option, "Nothing was done: '\(text)' after \(option) is not JSON: \(error).",
            hint: #"\#(option) '{"name": "value"}'"#)
    }

    /// For a first word that is no command; nil when it is one, or an option.
    static func noCommand(_ arguments: [String], of commands: [[String]]) -> FlowError? {
        guard let word = arguments.first, !word.isEmpty, !word.hasPrefix("-"), word != "help",
            !commands.contains(where: { $0.first == word })
        else { return nil }
        // `check` for `flow check`, then what is spelt alike.
        let inner = commands.filter { $0.count == 2 && $0.last == word }.map { $0.joined(separator: " ") }
        let near = inner.isEmpty ? nearestNames(to: word, in: commands.compactMap { $0.count == 1 ? $0.first : nil }) : inner
        let guess = near.isEmpty ? "" : " Did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
        return FlowError(
            .usage, subject: word, "Nothing was done: there is no command '\(word)'.\(guess)", hint: "flowctl --help")
    }

    // MARK: - Approvals

    static func noApproval(run: String, step: String?, open: [Wire.Approval]) -> FlowError {
        let what = step.map { "at step '\($0)'" } ?? "for approval"
        let others = open.map(\.step.text).joined(separator: ", ")
        return FlowError(
            .notFound, subject: run,
            "No vote was given: run \(run) does not wait \(what)." + (others.isEmpty ? "" : " It waits at: \(others)."),
            hint: "flowctl why \(run)")
    }

    static func severalApprovals(run: String, open: [Wire.Approval]) -> FlowError {
        let steps = open.map(\.step.text)
        return FlowError(
            .usage, subject: run,
            "No vote was given: run \(run) waits for \(steps.count) approvals: \(steps.joined(separator: ", ")). Name one.",
            hint: "flowctl approve \(run) \(steps.first ?? "STEP")")
    }

    static func otherDigest(given: String, shown: Digest) -> FlowError {
        FlowError(
            .conflict, subject: given,
            "No vote was given: '\(given)' is not the digest of what waits now, which is \(shown).",
            hint: "look at it again: flowctl approvals")
    }

    // MARK: - Inventory

    static func noFingerprintConfirmed(_ name: String, found: [Wire.HostKey]) -> FlowError {
        let shown = found.map { FlowError.Detail(subject: $0.type, message: $0.fingerprint) }
        return FlowError(
            .usage, subject: name, "Host '\(name)' was not added: nobody confirmed its key. It showed:",
            hint: "compare with the host's own console, then add: --yes \(found.first?.fingerprint ?? "SHA256:…")",
            errors: shown)
    }

    static func fingerprintNotFound(_ wanted: [String], name: String, found: [Wire.HostKey]) -> FlowError {
        let shown = found.map { FlowError.Detail(subject: $0.type, message: $0.fingerprint) }
        return FlowError(
            .hostKey, subject: name,
            "Host '\(name)' was not added: it did not show a key with fingerprint \(wanted.joined(separator: ", ")). It showed:",
            hint: "if the host has new keys, compare them at its console; if not, somebody stands between you and it",
            errors: shown)
    }

    static func noKeys(_ address: String) -> FlowError {
        FlowError(
            .unreachable, subject: address, "Nothing was added: \(address) showed no host key.",
            hint: "flowctl inventory add NAME ADDRESS --port PORT")
    }
}

// MARK: - Outcomes

extension Messages {
    /// - Parameter next: how the server says that it goes on; nil: it is an older one, and does not say.
    static func notSucceeded(_ run: Wire.Run, failed: [Wire.Step], next: [Wire.NextStep]? = nil) -> String {
        let shown = 10
        // The parts say more than the whole: a map fails because a step in it did, the run because the map did.
        let parts = failed.filter { step in !failed.contains { $0.path.text.hasPrefix(step.path.text + "[") } }
        let reason = parts.isEmpty ? run.reason.map { ": \($0)." } : nil
        var lines = ["Run \(run.id) \(run.state == .cancelled ? "was cancelled" : run.state.rawValue)" + (reason ?? ".")]
        for step in parts.prefix(shown) {
            let place = step.attempts.first?.target.map { " on \($0)" } ?? ""
            lines.append("  \(step.path)\(place): \(step.reason ?? step.state.rawValue)")
        }
        if parts.count > shown { lines.append("  and \(parts.count - shown) more: flowctl steps \(run.id) --state failed") }
        if let first = parts.first(where: { !$0.attempts.isEmpty }) {
            lines.append("Look at it: flowctl logs \(run.id) \(shellQuoted(first.path.text))")
        }
        for (number, step) in (next ?? [Wire.NextStep("flowctl retry \(run.id)")]).enumerated() {
            lines.append((number == 0 ? "Go on with: " : "or: ") + step.command + (step.purpose.map { "  (\($0))" } ?? ""))
        }
        return lines.joined(separator: "\n").neutralised(keeping: ["\n"])
    }

    /// What a command on a run did.
    static func commanded(_ verb: String, _ run: Wire.Run) -> String {
        "Run \(run.id): \(verb) accepted; it is \(run.state.rawValue)" + (run.reason.map { " (\($0))" } ?? "") + "."
    }

    static func bulk(_ bulk: Wire.Bulk) -> String {
        let count = bulk.runs.count
        let runs = count == 1 ? "1 run" : "\(count) runs"
        guard bulk.isApplied else { return "Nothing was done: \(bulk.verb.rawValue) would be for \(runs). Do it with --yes." }
        let refused = bulk.runs.count { $0.outcome == .refused }
        return "\(bulk.verb.rawValue): \(count - refused) of \(runs) done" + (refused == 0 ? "." : ", \(refused) refused.")
    }

    static func voted(_ decision: ApprovalRow.Vote.Decision, _ approval: Wire.Approval) -> String {
        let what = "\(decision == .approved ? "Approved" : "Rejected") '\(approval.step)' of run \(approval.run)"
        switch approval.state {
        case .open:
            let voted = approval.votes.count { $0.voided == nil }
            return "\(what); it still waits: \(approval.missingText ?? approval.rulesText), \(voted) voted so far."
        case .approved: return "\(what); the run goes on."
        case .rejected, .expired, .cancelled: return "\(what); the step fails."
        }
    }
}

extension Messages {
    static func noHome(_ run: String, _ home: String) -> FlowError {
        FlowError(
            .notFound, subject: run, "There is no run '\(run)': there is no Flow in this place, \(home) does not exist.",
            hint: "go to its directory, or name it with --home or --server")
    }
}
