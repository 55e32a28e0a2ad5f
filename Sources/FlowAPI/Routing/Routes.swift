import FlowModel
import FlowWire
import HTTPTypes

/// The route table. What is not here does not exist.
package enum Routes {
    package static let all: [Route] = server + flows + runs + steps + approvals + schedules + hooks + changes + locks + bulk + inventory + people

    private static let server: [Route] = [
        Route(
            .get, "/healthz", "health", .anyone, .gives(Wire.Health.self, "Whether the server serves."), ServerHandlers.health),
        Route(
            .get, "/openapi.json", "openapi", .anyone, .gives(JSON.self, "This description."), ServerHandlers.openAPI),
        Route(
            .get, "/metrics", "metrics", .role(.viewer),
            Contract("Figures for Prometheus.", answer: .text("text/plain; version=0.0.4")), ServerHandlers.metrics),
        Route(.get, "/v1/me", "me", .role(.viewer), .gives(Wire.User.self, "Who asks."), PeopleHandlers.me),
        Route(
            .get, "/v1/doctor", "doctor", .role(.admin),
            .gives(Wire.Page<Wire.Finding>.self, "What the server finds about itself."), ServerHandlers.doctor),
        Route(
            .get, "/v1/backup", "backup", .role(.admin),
            Contract("A consistent copy of the database.", answer: .text("application/octet-stream")), ServerHandlers.backup),
        Route(
            .get, "/v1/audit", "audit", .role(.admin),
            .gives(Wire.Page<Wire.AuditEntry>.self, "Changes of flows, users, tokens, inventory.", query: [.limit, .after]),
            ServerHandlers.audit),
    ]

    private static let flows: [Route] = [
        Route(
            .get, "/v1/flows", "flow.list", .role(.viewer), .gives(Wire.Page<Wire.Flow>.self, "Registered flows.", query: [.fullLimit, .after]),
            FlowHandlers.list),
        Route(
            .get, "/v1/flows/{name}", "flow.show", .role(.viewer), .gives(Wire.Flow.self, "A flow with its plan."),
            FlowHandlers.show),
        Route(
            .put, "/v1/flows/{name}", "flow.add", .role(.author),
            .takes(Wire.Register.self, gives: Wire.Flow.self, "Registers a flow, or a new revision of it."), FlowHandlers.put),
        Route(
            .delete, "/v1/flows/{name}", "flow.remove", .role(.author),
            Contract("Removes a flow; its runs stay.", answer: .nothing), FlowHandlers.remove),
        Route(
            .post, "/v1/plans", "plan", .role(.viewer),
            .takes(Wire.Start.self, gives: Wire.Preview.self, "What a run would do; changes nothing."), RunHandlers.plan),
        Route(
            .head, "/v1/blobs/{sha256}", "blob.check", .role(.author),
            Contract("Whether a blob is there.", answer: .nothing), BlobHandlers.head),
        Route(
            .put, "/v1/blobs/{sha256}", "blob.put", .role(.author),
            Contract("Stores a plan, binary or script by its SHA-256, at most 256 MiB.", answer: .nothing), BlobHandlers.put),
    ]

    private static let runs: [Route] = [
        Route(
            .get, "/v1/runs", "run.list", .role(.viewer),
            .gives(
                Wire.Page<Wire.Run>.self, "Runs, newest first.",
                query: [
                    .init(name: "state", help: "States, joined by commas."), .init(name: "flow", help: "The flow's name."),
                    .init(name: "label", help: "`key=value`; may be repeated."),
                    .init(name: "where", help: "`flow=release & state=failed & label.team=pay`."), .limit, .after,
                ]), RunHandlers.list),
        Route(
            .post, "/v1/runs", "run.start", .role(.operator),
            .takes(
                Wire.Start.self, gives: Wire.Run.self, status: 201,
                "Starts a run. Operators start registered flows; a plan or command of one's own takes an author."),
            RunHandlers.start),
        Route(
            .get, "/v1/runs/{id}", "run.show", .role(.viewer), .gives(Wire.Run.self, "A run with its first 200 steps."),
            RunHandlers.show),
        Route(
            .get, "/v1/runs/{id}/plan", "run.plan", .role(.viewer),
            .gives(Wire.Preview.self, "The plan that the run started with, and its inputs and targets as they are now."), RunHandlers.startedPlan),
        Route(
            .get, "/v1/runs/{id}/why", "run.why", .role(.viewer),
            .gives(Wire.Why.self, "What the run waits for, since when, and what would release it."), WhyHandler.why),
        Route(
            .get, "/v1/runs/{id}/events", "run.events", .role(.viewer),
            Contract(
                "Server-sent events: a message for each journal record, its id the sequence number; `Last-Event-ID` resumes.",
                query: [.init(name: "after", help: "Like `Last-Event-ID`.")], answer: .text("text/event-stream")),
            EventStream.open),
        Route(
            .post, "/v1/runs/{id}/pause", "run.pause", .role(.operator), command("Nothing new starts."), CommandHandlers.pause),
        Route(.post, "/v1/runs/{id}/resume", "run.resume", .role(.operator), command("Goes on."), CommandHandlers.resume),
        Route(
            .post, "/v1/runs/{id}/cancel", "run.cancel", .role(.operator),
            command("Ends what runs (TERM, grace, KILL); `finally` runs."), CommandHandlers.cancel),
        Route(
            .post, "/v1/runs/{id}/kill", "run.kill", .role(.operator),
            command("Ends what runs at once; `finally` does not run."), CommandHandlers.kill),
        Route(
            .post, "/v1/runs/{id}/retry", "run.retry", .role(.operator),
            .takes(
                Wire.Retry.self, gives: Wire.Run.self, "Opens a new generation of what failed, or of a step and all behind it."),
            CommandHandlers.retry),
        Route(
            .get, "/v1/runs/{id}/undo", "run.undo.plan", .role(.viewer),
            .gives(
                Wire.UndoPlan.self, "What an undo of the run would take back, and in which order.",
                query: [.init(name: "from", help: "A step: only it and what came after it.")]), CommandHandlers.undoPlan),
        Route(
            .post, "/v1/runs/{id}/undo", "run.undo", .role(.operator),
            command("Undoes what the run did, in the reverse of the order in which its steps need each other."), CommandHandlers.undoRun),
        Route(
            .post, "/v1/runs/{id}/inputs", "run.edit", .role(.operator),
            .takes(Wire.Inputs.self, gives: Wire.Run.self, "Sets inputs to other values, for what has not begun; open gates ask anew."),
            CommandHandlers.inputs),
        Route(
            .post, "/v1/runs/{id}/signals/{name}", "run.signal", .role(.operator),
            .takes(Wire.Signal.self, gives: Wire.Run.self, "A message for a step that waits for it, now or later."), CommandHandlers.signal),
        Route(
            .post, "/v1/runs/{id}/breakpoints", "run.hold", .role(.operator),
            .takes(Wire.Breakpoint.self, gives: Wire.Run.self, "Stops the run before a step, or does not any more."),
            CommandHandlers.breakpoint),
    ]

    private static let steps: [Route] = [
        Route(
            .get, "/v1/runs/{id}/steps", "step.list", .role(.viewer),
            .gives(Wire.Page<Wire.Step>.self, "Steps, in order.", query: [.limit, .after]), StepHandlers.list),
        Route(
            .get, "/v1/runs/{id}/steps/{path}", "step.show", .role(.viewer), .gives(Wire.Step.self, "A step."),
            StepHandlers.show),
        Route(
            .get, "/v1/runs/{id}/steps/{path}/value", "step.value", .role(.viewer),
            .gives(JSON.self, "The step's output, also when it is too large to be shown with the step."), StepHandlers.value),
        Route(
            .get, "/v1/runs/{id}/artifacts", "artifact.list", .role(.viewer),
            .gives(Wire.Page<Wire.Artifact>.self, "The files that steps have fetched, in the order of these.", query: [.limit, .after]),
            ArtifactHandlers.list),
        Route(
            .get, "/v1/runs/{id}/steps/{path}/artifact", "artifact.show", .role(.viewer),
            Contract(
                "The file that a step has fetched, byte for byte.", query: [.init(name: "offset", help: "The first byte; 0 unless given.")],
                answer: .text("application/octet-stream")), ArtifactHandlers.download),
        Route(
            .get, "/v1/runs/{id}/steps/{path}/attempts/{n}/output", "step.output", .role(.viewer),
            Contract(
                "What an attempt wrote.",
                query: [
                    .init(name: "stream", help: "`stdout` (unless given) or `stderr`."),
                    .init(name: "offset", help: "The first byte; 0 unless given."),
                    .init(name: "follow", help: "`true`: stays open until the attempt has ended."),
                ], answer: .text("text/plain")), OutputHandler.output),
        Route(
            .post, "/v1/runs/{id}/steps/{path}/skip", "step.skip", .role(.operator),
            command("Settles the step as skipped."), CommandHandlers.skip),
        Route(
            .post, "/v1/runs/{id}/steps/{path}/resolve", "step.resolve", .role(.operator),
            .takes(Wire.Resolve.self, gives: Wire.Run.self, "Decides a step that is held or whose outcome is unknown."),
            CommandHandlers.resolve),
        Route(
            .get, "/v1/runs/{id}/steps/{path}/targets", "target.list", .role(.viewer),
            .gives(
                Wire.Page<Wire.Target>.self, "The targets of a rollout, in its order.",
                query: [.init(name: "outcome", help: "Only those with one of these outcomes, separated by commas."), .limit, .after]),
            StepHandlers.targets),
        Route(
            .post, "/v1/runs/{id}/steps/{path}/rollout", "rollout.adjust", .role(.operator),
            .takes(Wire.Adjust.self, gives: Wire.Run.self, "Changes how a rollout goes on."), CommandHandlers.adjust),
        Route(
            .post, "/v1/runs/{id}/steps/{path}/release", "rollout.release", .role(.operator),
            command("Ends a wait: of a rollout that is held or soaks, at a breakpoint, of a sleep or back-off."), CommandHandlers.release),
        Route(
            .post, "/v1/runs/{id}/steps/{path}/undo", "rollout.undo", .role(.operator),
            command("Undoes a step of a run that has ended, and what came after it; or the targets of a rollout while its run goes on."),
            CommandHandlers.undo),
    ]

    private static let approvals: [Route] = [
        Route(
            .get, "/v1/approvals", "approval.list", .role(.viewer),
            .gives(
                Wire.Page<Wire.Approval>.self, "Gates, newest first.",
                query: [
                    .init(name: "state", help: "`open` unless given; `all` for all."), .init(name: "run", help: "Of this run."),
                    .limit, .after,
                ]), ApprovalHandlers.list),
        Route(
            .get, "/v1/approvals/{id}", "approval.show", .role(.viewer), .gives(Wire.Approval.self, "A gate."),
            ApprovalHandlers.show),
        Route(
            .post, "/v1/approvals/{id}/decisions", "approval.decide", .role(.viewer),
            .takes(
                Wire.Decision.self, gives: Wire.Approval.self,
                "Votes. Who may is said by the gate's rules, not by the built-in roles."), ApprovalHandlers.decide),
        Route(
            .get, "/v1/delegations", "delegation.list", .role(.viewer),
            .gives(Wire.Page<Wire.Delegation>.self, "Rights to vote that were lent, newest first.", query: [.fullLimit, .after]),
            ApprovalHandlers.delegations),
        Route(
            .post, "/v1/delegations", "delegation.add", .role(.viewer),
            .takes(
                Wire.DelegationRequest.self, gives: Wire.Delegation.self, status: 201,
                "Lends a role of one's own to another person, for votes only, until a time; that of others: admins only."),
            ApprovalHandlers.delegate),
        Route(
            .delete, "/v1/delegations/{id}", "delegation.revoke", .role(.viewer),
            Contract("Ends a delegation that one gave; others': admins only.", answer: .nothing), ApprovalHandlers.revokeDelegation),
    ]

    private static let schedules: [Route] = [
        Route(
            .get, "/v1/schedules", "schedule.list", .role(.viewer), .gives(Wire.Page<Wire.Schedule>.self, "Schedules.", query: [.fullLimit, .after]),
            ScheduleHandlers.list),
        Route(
            .post, "/v1/schedules", "schedule.import", .role(.author),
            .takes(
                Wire.ScheduleImport.self, gives: Wire.Page<Wire.Schedule>.self,
                "Adds several schedules, all of them or none. An item with `revision` replaces only that one (0: none is there); else 409."),
            ScheduleHandlers.putAll),
        Route(
            .get, "/v1/schedules/{name}", "schedule.show", .role(.viewer), .gives(Wire.Schedule.self, "A schedule."),
            ScheduleHandlers.show),
        Route(
            .put, "/v1/schedules/{name}", "schedule.put", .role(.author),
            .takes(ScheduleSpec.self, gives: Wire.Schedule.self, "Adds a schedule, or a new revision of it."), ScheduleHandlers.put),
        Route(
            .delete, "/v1/schedules/{name}", "schedule.remove", .role(.author),
            Contract("Removes a schedule; its records and runs stay.", answer: .nothing), ScheduleHandlers.remove),
        Route(
            .post, "/v1/schedules/{name}/pause", "schedule.pause", .role(.operator),
            .takes(Wire.SchedulePause.self, gives: Wire.Schedule.self, "Its times are recorded as paused, until resumed or until a time."),
            ScheduleHandlers.pause),
        Route(
            .post, "/v1/schedules/{name}/resume", "schedule.resume", .role(.operator),
            .gives(Wire.Schedule.self, "Its times run again."), ScheduleHandlers.resume),
        Route(
            .get, "/v1/schedules/{name}/next", "schedule.next", .role(.viewer),
            .gives(Wire.Page<Wire.Occurrence>.self, "The next times, and why one of them would not run.", query: [.limit]), ScheduleHandlers.next),
        Route(
            .get, "/v1/schedules/{name}/occurrences", "schedule.occurrences", .role(.viewer),
            .gives(
                Wire.Page<Wire.Occurrence>.self, "What became of its times, newest first.",
                query: [.init(name: "missed", help: "`true`: only those that led to no run."), .limit, .after]), ScheduleHandlers.occurrences),
        Route(
            .post, "/v1/schedules/{name}/backfill", "schedule.backfill", .role(.operator),
            .takes(Wire.Backfill.self, gives: Wire.Page<Wire.Occurrence>.self, "Runs times that led to no run."), ScheduleHandlers.backfill),
        Route(
            .post, "/v1/schedules/{name}/run", "schedule.run", .role(.operator),
            Contract("Starts a run outside its times.", answer: .json(Wire.Run.self, status: 201)), ScheduleHandlers.runNow),
    ]

    private static let inventory: [Route] = [
        Route(
            .get, "/v1/inventory", "inventory.show", .role(.viewer),
            .gives(Wire.Inventory.self, "Hosts and groups, page by page.", query: [.fullLimit, .after]),
            InventoryHandlers.show),
        Route(
            .get, "/v1/inventory/hosts", "inventory.hosts", .role(.viewer),
            .gives(
                Wire.Page<Wire.Host>.self, "The hosts of a selector.",
                query: [.init(name: "selector", help: "All hosts unless given."), .fullLimit, .after]), InventoryHandlers.hosts),
        Route(
            .post, "/v1/inventory/hosts", "inventory.add", .role(.admin),
            .takes(Wire.Host.self, gives: Wire.Host.self, status: 201, "Adds a host."), InventoryHandlers.add),
        Route(
            .put, "/v1/inventory/hosts", "inventory.import-hosts", .role(.admin),
            .takes(Wire.Hosts.self, gives: Wire.Page<Wire.Host>.self, "Adds several hosts, all of them or none."), InventoryHandlers.addAll),
        Route(
            .post, "/v1/inventory/scan", "inventory.scan", .role(.admin),
            .takes(Wire.Scan.self, gives: Wire.Page<Wire.HostKey>.self, "The keys that a machine shows, without logging in."),
            InventoryHandlers.scan),
        Route(
            .post, "/v1/inventory/known-hosts", "inventory.import", .role(.admin),
            .takes(Wire.KnownHosts.self, gives: Wire.KnownHostsResult.self, "Takes host keys from a `known_hosts` file."),
            InventoryHandlers.importKnownHosts),
        Route(
            .post, "/v1/inventory/ping", "inventory.ping", .role(.operator),
            .takes(Wire.Ping.self, gives: Wire.Page<Wire.PingResult>.self, "Logs in to hosts and starts what runs steps there."),
            InventoryHandlers.ping),
    ]

    private static let people: [Route] = [
        Route(
            .get, "/v1/users", "user.list", .role(.admin), .gives(Wire.Page<Wire.User>.self, "People.", query: [.fullLimit, .after]),
            PeopleHandlers.users),
        Route(
            .put, "/v1/users/{name}", "user.add", .role(.admin),
            .takes(Wire.UserUpdate.self, gives: Wire.User.self, "Creates a user, or replaces the person's roles."),
            PeopleHandlers.setRoles),
        Route(
            .post, "/v1/users/{name}/links", "user.link", .role(.admin),
            .takes(Wire.UserLink.self, gives: Wire.User.self, "Joins two users into one person."), PeopleHandlers.link),
        Route(
            .post, "/v1/users/{name}/unlink", "user.unlink", .role(.admin),
            .takes(
                Wire.UserUnlink.self, gives: Wire.Page<Wire.User>.self,
                "Takes a link back, for runs that begin from now on; gives both, or the one that they still are."), PeopleHandlers.unlink),
        Route(
            .delete, "/v1/users/{name}", "user.remove", .role(.admin),
            Contract("Removes a user and their tokens.", answer: .nothing), PeopleHandlers.remove),
        Route(
            .get, "/v1/tokens", "token.list", .role(.viewer),
            .gives(
                Wire.Page<Wire.Token>.self, "One's own tokens, without their secrets.",
                query: [.init(name: "all", help: "`true`: everybody's; admins only."), .fullLimit, .after]), PeopleHandlers.tokens),
        Route(
            .post, "/v1/tokens", "token.create", .role(.viewer),
            .takes(
                Wire.TokenRequest.self, gives: Wire.Token.self, status: 201,
                "Makes a token for oneself; for others: admins only. The secret is shown this once."),
            PeopleHandlers.createToken),
        Route(
            .delete, "/v1/tokens/{id}", "token.revoke", .role(.viewer),
            Contract("Revokes a token of one's own; others': admins only.", answer: .nothing), PeopleHandlers.revokeToken),
    ]

    private static func command(_ summary: String) -> Contract {
        .takes(Wire.Message.self, gives: Wire.Run.self, summary)
    }
}
