import FlowDSL

struct Build: Codable, Sendable {
    var path: String
    var sha256: String
}

/// Every way in which a release can be held up.
struct ReleaseWeb: Flow {
    @Param("Version to release", pattern: #"\d+\.\d+\.\d+"#) var version: String
    @Param("Where to") var hosts: Selector = "group:web"

    var body: some FlowBody {
        let build = shell("build", "make dist VERSION=\($version)", timeout: .minutes(20), output: Build.self)
        approval("go", "Release \($version) (\(build.sha256))?", rules: [.role("release-manager", count: 2)], deadline: .hours(24))
        rollout(
            "deploy", to: $hosts, batches: "1 2", soak: .minutes(5), maxFailures: .count(0), onBreach: .undo
        ) { host in
            copy("package", from: build.path, to: "/opt/web/\($version).tar.gz", on: host)
            shell("switch", "/opt/web/switch \($version)", on: host, retry: .attempts(2, delay: .seconds(10)))
        } undo: { host in
            shell("switch-back", "/opt/web/switch --previous", on: host)
        }
        finally { shell("report", "echo \(run.outcome)") }
    }
}

struct Payment: Codable, Sendable {
    var invoice: String
    var amount: Int
}

/// Waits of every kind.
struct Waits: Flow {
    var body: some FlowBody {
        sleep("night", .hours(8))
        let payment = waitFor("payment", as: Payment.self, timeout: .days(2))
        repeatUntil("healthy", every: .seconds(30), atMost: 5) {
            let answer = shell("ask", "curl -fsS http://127.0.0.1/healthz", onFailure: .ignore)
            until(answer.stdout == "up")
        }
        shell("book", "book \(payment.invoice)", onFailure: .hold)
    }
}

struct Machine: Codable, Sendable { var id: String }

struct MakeMachine: Flow {
    @Param("Its name") var name: String

    var body: some FlowBody<ShellOutput<Machine>> {
        shell("create", "make-machine \($name)", output: Machine.self)
    }
}

/// Lists, calls, Swift steps, a choice and a secret.
struct Provision: Flow {
    @Param("A token", secret: true) var token: String
    @Param("How many") var count: Int = 1

    var body: some FlowBody {
        let names = step("names") { _ -> [String] in ["never called"] }
        map("each", over: names, width: 1) { name in
            let machine = call("make", MakeMachine.self, inputs: [.input(\.$name, name)])
            shell("greet", "echo \(machine.value.id) \($token)")
        }
        when($count > 1) {
            shell("many", "true")
        } otherwise: {
            shell("one", "true")
        }
        approval("seen", "Token \($token)?", rules: [.anyone(count: 1)])
    }
}

/// A step that must not be repeated, and one that says by a probe whether it happened.
struct Transfers: Flow {
    var body: some FlowBody {
        shell("probed", "transfer 1", effect: .probe { "status 1" })
        shell("transfer", "transfer 2", timeout: .minutes(1))
    }
}

/// Steps that say how they are taken back.
struct Undoes: Flow {
    var body: some FlowBody {
        shell("first", "true", undo: { _ in shell("remove-first", "true") })
        shell("second", "true", undo: { _ in shell("remove-second", "true") })
        shell("third", "true")
    }
}

/// A gate with fields, a veto and an escalation.
struct Gates: Flow {
    struct Window: Codable, Sendable {
        var minutes: Int
        var size: String
    }

    var body: some FlowBody {
        let how = approval(
            "how", "How?", fields: [.int("minutes", "Length", default: 30), .choice("size", ["s", "m"])], output: Window.self,
            rules: [.role("dba"), .any(.person("alice"), .role("lead", count: 2))], deadline: .hours(1),
            onDeadline: .escalate(to: [.role("director")], deadline: .hours(2)), veto: .role("director"))
        shell("ship", "ship \(how.output.minutes) \(how.output.size)")
    }
}

/// Hosts that a step chooses.
struct LateHosts: Flow {
    struct Choice: Codable { var hosts: Selector }

    var body: some FlowBody {
        let chosen = shell("choose", "choose-hosts", output: Choice.self)
        map("each", over: chosen.hosts) { host in shell("touch", "true", on: host) }
    }
}

/// Requests and waits, which end in ways of their own.
struct Asks: Flow {
    var body: some FlowBody {
        http("get", .get, "http://api/", timeout: .seconds(3))
        http("post", .post, "http://api/", retry: .attempts(3), timeout: .seconds(3))
        http("put", .put, "http://api/", timeout: .seconds(3))
        waitForPort("port", "db:5432", timeout: .seconds(30))
    }
}

/// A rollout that is held when a host fails.
struct Held: Flow {
    var body: some FlowBody {
        rollout("deploy", to: "*", batches: "1", onBreach: .hold) { host in
            shell("switch", "true", on: host)
        }
    }
}

/// A gate with a field whose pattern says what a number of a ticket looks like.
struct Tickets: Flow {
    struct Ticket: Codable, Sendable { var ticket: String }

    var body: some FlowBody {
        let go = approval("go", "Go?", fields: [.string("ticket", pattern: #"CHG-\d{4,8}"#)], output: Ticket.self, rules: [.anyone(count: 1)])
        shell("book", "book \(go.output.ticket)")
    }
}

/// The same with a pattern that no plain text matches.
struct OddTickets: Flow {
    var body: some FlowBody {
        approval("go", "Go?", fields: [.string("ticket", pattern: "\u{E9}+")], output: Tickets.Ticket.self, rules: [.anyone(count: 1)])
    }
}

/// Waits until a moment that a message brings.
struct Appointed: Flow {
    var body: some FlowBody {
        let moment = waitFor("when", as: String.self)
        sleep("appointment", until: "\(moment)")
    }
}

/// Looks from here, and from hosts, whether a host is there.
struct Looks: Flow {
    @Param("Which one") var host: Selector = "web-1"

    var body: some FlowBody {
        map("each", over: $host) { host in
            ping("gone", "\(host.address)", until: .silent, timeout: .minutes(1))
            waitForPort("up", "\(host.address):8080", timeout: .minutes(2))
        }
    }
}

/// Asks a host over HTTP from here.
struct Health: Flow {
    var body: some FlowBody {
        map("each", over: "*") { host in
            http("ask", .post, "http://\(host.address):8080/healthz")
        }
    }
}

/// Files, Swift steps and commands that say whether they changed something.
struct Changes: Flow {
    struct Said: Codable, Sendable { var changed: Bool }

    var body: some FlowBody {
        rollout("deploy", to: "*", batches: "100%") { host in
            shell("quiet", "true", on: host)
        }
        shell("said", "true", output: Said.self)
        step("swift") { _ -> Said in Said(changed: true) }
    }
}
