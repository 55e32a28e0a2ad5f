import ArgumentParser
import FlowModel
import FlowWire

/// `--where`: the command for every run of a filter, after a look at them.
struct BulkOptions: ParsableArguments {
    @Option(
        name: .customLong("where"),
        help: ArgumentHelp("Instead of one run: all for which this holds, 'flow=release & state=failed & label.team=pay'.", valueName: "terms"))
    var terms: String?
    @Flag(name: .long, help: "With --where: only show which runs those are; the same as nothing.")
    var dryRun = false
    @Flag(name: .long, help: "With --where: do it, to the runs that are found now.")
    var yes = false

    /// For commands that name a step after the run: with a filter the step stands alone.
    func checkStep(_ step: String?) throws {
        if terms == nil {
            if step == nil { throw ValidationError("the step is missing.") }
            if dryRun || yes { throw ValidationError("--dry-run and --yes go with --where.") }
        } else if step != nil {
            throw ValidationError("--where stands instead of a run: name the step only.")
        }
        if dryRun, yes { throw ValidationError("--dry-run excludes --yes.") }
    }

    /// Exactly one of a run and a filter.
    func check(_ run: String?) throws {
        if (run == nil) == (terms == nil) { throw ValidationError("give a run, or --where for all that fit it.") }
        if terms == nil, dryRun || yes { throw ValidationError("--dry-run and --yes go with --where.") }
        if dryRun, yes { throw ValidationError("--dry-run excludes --yes.") }
    }
}

extension ControlOptions {
    /// The command for all runs of a filter: shows them, or does it and says what became of each.
    func bulk(_ bulk: BulkOptions, _ verb: Wire.BulkRequest.Verb, step: String? = nil, priority: Int? = nil) async throws {
        let terms = bulk.terms ?? ""
        let here = Surroundings.here
        var request = Wire.BulkRequest(verb: verb, where: terms, step: step, priority: priority, message: message.message)
        var refused = 0
        try await Session.with(connection, need: .beyond) { session in
            var json = try await session.client.request("POST", "/v1/bulk", body: try body(request))
            var found = try session.client.decode(Wire.Bulk.self, json)
            if bulk.yes, !found.runs.isEmpty {
                (request.runs, request.digest) = (found.runs.map(\.run), found.digest)
                json = try await session.client.request("POST", "/v1/bulk", body: try body(request))
                found = try session.client.decode(Wire.Bulk.self, json)
            }
            refused = found.runs.count { $0.outcome == .refused }
            if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
            guard !found.runs.isEmpty else { return try await here.terminal.say("No run fits '\(terms)'.") }
            try await here.terminal.show(BulkText.table(found).lines(style: here.terminal.style, width: here.terminal.tableWidth))
            try await here.terminal.say(Messages.bulk(found))
        }
        if refused > 0 { throw CommandExit.refused }
    }
}

/// The runs of a bulk command, for people.
enum BulkText {
    static func table(_ bulk: Wire.Bulk) -> Table {
        let short = ShortIDs(bulk.runs.map(\.run))
        var table = bulk.isApplied ? Table("run", "flow", bulk.verb.rawValue, "state", "why") : Table("run", "flow", "state", "started")
        for run in bulk.runs {
            let name = Table.Cell(short[run.run])
            if bulk.isApplied {
                table.add(
                    name, .init(run.flow ?? ""), .init(run.outcome?.rawValue ?? ""), .init(run.state?.rawValue ?? ""), .init(run.reason ?? ""))
            } else {
                table.add(name, .init(run.flow ?? ""), .init(run.state?.rawValue ?? ""), .init(run.createdAt.map(momentText) ?? ""))
            }
        }
        return table
    }
}
