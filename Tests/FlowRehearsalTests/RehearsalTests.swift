import FlowDSL
import FlowRehearsal
import Testing

@Suite("A rehearsal", .timeLimit(.minutes(1)))
struct RehearsalTests {
    static let web = (1...3).map { RehearsalHost("web-\($0)", groups: ["web"]) }

    static func release() throws -> Rehearsal { try Rehearsal(of: ReleaseWeb.self, inputs: ["version": "1.4.2"], hosts: web) }

    @Test func `goes to the end when all goes well`() async throws {
        let result = try await Self.release().run()
        #expect(result.outcome == .succeeded, "\(result)")
        #expect(result.targets(of: "deploy").map(\.outcome) == ["changed", "changed", "changed"])
        #expect(result.targets(of: "deploy").map(\.batch) == [1, 2, 2])
        #expect(result.ran("deploy[web-2]/package", after: "deploy[web-1]/switch"))
        #expect(result.hasSucceeded("report"))
        // A build, two votes, two batches of two steps with two soaks between and behind them, and what comes finally: a second for each.
        #expect(result.timeline.contains { $0.contains("asks 2 of role release-manager") && $0.contains("Release 1.4.2 (<build.sha256>)?") })
        #expect(result.seconds > 300 && result.seconds < 700, "\(result)")
    }

    @Test func `when a host of the second batch fails, both batches are undone, and it is tried as often as the flow says`() async throws {
        let result = try await Self.release().failing("deploy[web-3]/switch").run()
        #expect(result.outcome == .failed)
        #expect(result.attempts(of: "deploy[web-3]/switch").map(\.state) == ["failed", "failed"])
        let attempts = result.attempts(of: "switch[web-3]")
        #expect(attempts.count == 2 && attempts[1].start - (attempts[0].end ?? 0) == 10, "the pause, without chance in it")
        #expect(result.target("web-3", of: "deploy")?.outcome == "failed")
        #expect(result.targets(of: "deploy").map(\.isUndone) == [true, true, true], "the package of web-3 was copied")
        #expect(result.attempts(of: "deploy/undo:switch-back").count == 3)
        #expect(result.hasSucceeded("report"), "what is to be done finally")
    }

    @Test func `a canary that fails keeps the second batch from beginning`() async throws {
        let result = try await Self.release().failing("switch[web-1]", status: 7).run()
        #expect(!result.hasStarted("deploy[web-2]/package") && !result.hasStarted("package[web-3]"))
        #expect(result.targets(of: "deploy").map(\.outcome) == ["failed", "notStarted", "notStarted"])
        #expect(result.timeline.contains { $0.contains("exit status 7") }, "\(result)")
    }

    @Test func `an attempt that fails once is made up for`() async throws {
        let result = try await Self.release().failing("switch", times: 1).run()
        #expect(result.outcome == .succeeded)
        #expect(result.attempts(of: "switch").count == 6)
        #expect(result.timeline.contains { $0.contains("exit status 1; attempt 2 in 10 s") }, "\(result)")
    }

    @Test func `a host that cannot be reached, and a step that runs into its time-out`() async throws {
        let away = try await Self.release().unreachable("web-1").run()
        #expect(away.target("web-1", of: "deploy")?.outcome == "unreachable")
        #expect(away.timeline.contains { $0.contains("web-1 cannot be reached") })
        let slow = try await Self.release().timingOut("build").run()
        #expect(slow.outcome == .failed && slow.seconds > 1_200, "\(slow)")
        let slower = try await Self.release().taking("build", seconds: 3_600).run()
        #expect(slower.attempts(of: "build").first?.state == "timedOut" && slower.attempts(of: "build").first?.end == 1_200)
        #expect(!slower.hasStarted("package"))
    }

    @Test func `gates are rejected, expire and escalate as they are told`() async throws {
        let rejected = try await Self.release().rejecting("go").run()
        #expect(rejected.outcome == .failed && rejected.reason?.contains("rejected by release-manager-1") == true, "\(rejected)")
        let late = try await Self.release().expiring("go").run()
        #expect(late.outcome == .failed && late.seconds > 86_400, "\(late)")
        let escalated = try await Rehearsal(of: Gates.self).expiring("how").run()
        #expect(escalated.timeline.contains { $0.contains("escalates: asks 1 of role director") }, "\(escalated)")
        #expect(escalated.seconds >= 3 * 3_600)
    }

    @Test func `a gate is approved by people who satisfy its rules, with answers to its fields`() async throws {
        let usual = try await Rehearsal(of: Gates.self).run()
        #expect(usual.outcome == .succeeded, "\(usual)")
        #expect(usual.timeline.contains { $0.contains("approved by dba-1") } && usual.timeline.contains { $0.contains("approved by alice") })
        let given = try await Rehearsal(of: Gates.self).approving("how", answers: ["minutes": 5, "size": "m"]).run()
        #expect(given.timeline.contains { $0.contains(#"{"minutes":5,"size":"m"}"#) }, "\(given)")
        let vetoed = try await Rehearsal(of: Gates.self).rejecting("how").run()
        #expect(vetoed.reason?.contains("director-1") == true, "\(vetoed)")
    }

    @Test func `nights, messages and rounds pass on a clock that jumps`() async throws {
        let result = try await Rehearsal(of: Waits.self).taking("payment", seconds: 86_400).run()
        #expect(result.outcome == .succeeded, "\(result)")
        #expect(result.seconds > 28_800 + 86_400)
        #expect(result.attempts(of: "ask").count == 1, "what the condition waits for is made up")
        let given = try await Rehearsal(of: Waits.self).signal("payment", Payment(invoice: "A-7", amount: 3)).output(["stdout": "down"], of: "ask")
            .run()
        #expect(given.timeline.contains { $0.contains(#"takes signal 'payment': {"amount":3,"invoice":"A-7"}"#) }, "\(given)")
        #expect(given.attempts(of: "ask").count == 5 && given.outcome == .failed, "the condition never holds")
        #expect(try await Rehearsal(of: Waits.self).expiring("payment").run().outcome == .failed)
    }

    @Test func `a step that is held says so, and goes on as a person decides`() async throws {
        let held = try await Rehearsal(of: Waits.self).failing("book", times: 1).run()
        #expect(held.outcome == .waiting && held.waitsFor.count == 1, "\(held)")
        #expect(held.waitsFor.first?.contains("--decide 'book=retry'") == true, "\(held)")
        #expect(try await Rehearsal(of: Waits.self).failing("book", times: 1).deciding("book", .retry).run().outcome == .succeeded)
        #expect(try await Rehearsal(of: Waits.self).failing("book").deciding("book", .retry).run().outcome == .waiting, "once")
        #expect(try await Rehearsal(of: Waits.self).failing("book").deciding("book", .skip).run().outcome == .succeeded)
        #expect(try await Rehearsal(of: Waits.self).failing("book").deciding("book", .failed).run().outcome == .failed)
    }

    @Test func `a lost attempt is unknown, unless its probe can say`() async throws {
        let result = try await Rehearsal(of: Transfers.self).losing("probed").losing("transfer").run()
        #expect(result.outcome == .waiting, "\(result)")
        #expect(result.attempts(of: "probed").map(\.state) == ["lost", "succeeded"], "the second is the probe")
        #expect(result.waitsFor.first?.contains("transfer has an unknown outcome") == true, "\(result)")
        let decided = try await Rehearsal(of: Transfers.self).losing("transfer").deciding("transfer", .succeeded).run()
        #expect(decided.outcome == .succeeded, "\(decided)")
    }

    @Test func `lists are made up, flows that are called run, secrets are not shown`() async throws {
        let result = try await Rehearsal(of: Provision.self, inputs: ["token": "hunter2", "count": 3]).run()
        #expect(result.outcome == .succeeded, "\(result)")
        #expect(result.attempts(of: "create").map(\.step) == ["each[0]/make > create", "each[1]/make > create"], "\(result)")
        #expect(result.attempts(of: "greet").count == 2)
        #expect(result.hasStarted("many") && !result.hasStarted("one"))
        #expect(!"\(result)".contains("hunter2") && "\(result)".contains("Token <redacted>?"), "\(result)")
        let one = try await Rehearsal(of: Provision.self, inputs: ["token": "hunter2"]).output(["a", "b", "c"], of: "names").run()
        #expect(one.attempts(of: "greet").count == 3 && one.hasStarted("one"))
        let failed = try await Rehearsal(of: Provision.self, inputs: ["token": "hunter2"]).failing("create", times: 1).run()
        #expect(failed.outcome == .failed && !failed.hasStarted("each[1]/make"), "\(failed)")
    }

    @Test func `hosts that a step chooses are the first ones, or those that it is told`() async throws {
        let result = try await Rehearsal(of: LateHosts.self, hosts: Self.web).run()
        #expect(result.attempts(of: "touch").map(\.host) == ["web-1", "web-2"], "\(result)")
        let given = try await Rehearsal(of: LateHosts.self, hosts: Self.web).output(LateHosts.Choice(hosts: "web-3"), of: "choose").run()
        #expect(given.attempts(of: "touch").map(\.host) == ["web-3"], "\(given)")
        let nowhere = try await Rehearsal(of: LateHosts.self, hosts: Self.web).output(LateHosts.Choice(hosts: "db-1"), of: "choose").run()
        #expect(nowhere.outcome == .failed && nowhere.reason?.contains("db-1") == true, "\(nowhere)")
    }

    @Test func `it starts at the moment that is said, and gives the same each time`() async throws {
        let one = try await Self.release().failing("switch[web-2]", times: 1).run()
        let two = try await Self.release().failing("switch[web-2]", times: 1).run()
        #expect("\(one)" == "\(two)")
        let later = try await Self.release().failing("switch[web-2]", times: 1).starting(at: "2031-05-04T03:02:01Z").run()
        #expect(later.timeline == one.timeline, "times are those since the start")
    }

    @Test func `what the run did is taken back when it has ended, as far as it can be`() async throws {
        let result = try await Rehearsal(of: Undoes.self).failing("third").undone().run()
        #expect(result.outcome == .cancelled, "\(result)")
        #expect(result.ran("remove-first", after: "remove-second"), "\(result)")
        #expect(result.timeline.contains { $0.contains("undoes 2 things") } && "\(result)".contains("The run is undone"), "\(result)")
        let stuck = try await Rehearsal(of: Undoes.self).failing("remove-second").undone().run()
        #expect(stuck.outcome == .failed && !stuck.hasStarted("remove-first"), "\(stuck)")
        let nothing = try await Rehearsal(of: Transfers.self).undone().run()
        #expect(nothing.outcome == .succeeded && nothing.timeline.last?.contains("nothing") == true, "\(nothing)")
    }

    @Test func `many hosts are told by what they came to`() async throws {
        let many = (1...50).map { RehearsalHost("web-\($0)", groups: ["web"]) }
        let result = try await Rehearsal(of: ReleaseWeb.self, inputs: ["version": "1.4.2"], hosts: many).failing("switch[web-2]").run()
        #expect("\(result)".contains("\n  1 failed, undone: web-2\n"), "\(result)")
        #expect("\(result)".contains("\n  47 not started: web-4, "), "\(result)")
        #expect(result.targets(of: "deploy").count == 50)
    }

    @Test func `what was said and met nothing is told`() async throws {
        let result = try await Self.release().failing("deploy[web-1]/switch-back").run()
        #expect(result.outcome == .succeeded)
        #expect("\(result)".contains("Of no use: --fail deploy[web-1]/switch-back"), "\(result)")
    }

    @Test func `a step of a called flow is named as the timeline shows it, and each call by itself`() async throws {
        let inputs = ["token": "hunter2"]
        let names = try Rehearsal(of: Provision.self, inputs: inputs).output(["a", "b"], of: "names")
        let second = try await names.failing("each[1]/make > create").run()
        #expect(second.attempts(of: "make > create").map(\.state) == ["succeeded", "failed"], "\(second)")
        #expect(second.attempts(of: "each[0]/make > create").map(\.state) == ["succeeded"])
        #expect(second.hasSucceeded("each[0]/make > create") && !second.hasSucceeded("make > create"))
        let lost = try await names.losing("create").run()
        let shown = try #require(lost.waitsFor.first)
        #expect(shown.hasPrefix("each[0]/make > create ") && shown.contains("--decide 'each[0]/make > create=retry'"), "\(lost)")
        let decided = try await names.losing("create", times: 1)
            .deciding("each[0]/make > create", .succeeded).deciding("each[1]/make > create", .retry).run()
        #expect(decided.outcome == .succeeded, "\(decided)")
    }

    @Test func `what was made up is told of called flows, and of what a person decides`() async throws {
        let result = try await Rehearsal(of: Provision.self, inputs: ["token": "hunter2"]).run()
        #expect("\(result)".contains("  each/make > create: {\"id\":\"<create.id>\"}"), "\(result)")
        let given = try await Rehearsal(of: Provision.self, inputs: ["token": "hunter2"]).output(Machine(id: "m-1"), of: "make > create").run()
        #expect(!"\(given)".contains("make > create: "), "\(given)")
        let decided = try await Self.release().losing("build").deciding("build", .succeeded).run()
        #expect("\(decided)".contains("  build: {\"path\":\"<build.path>\",\"sha256\":\"<build.sha256>\"}"), "\(decided)")
    }

    @Test func `what a person does is told as the command that is typed`() async throws {
        let held = try Rehearsal(of: Waits.self).failing("book", times: 1)
        let retried = try await held.deciding("book", .retry).run()
        #expect(retried.timeline.contains { $0.contains("a person decides: flowctl resolve RUN 'book' --as retry") }, "\(retried)")
        let skipped = try await held.deciding("book", .skip).run()
        #expect(skipped.timeline.contains { $0.contains("a person decides: flowctl skip RUN 'book'") }, "\(skipped)")
    }

    @Test func `fields of a gate are made up as their patterns say, and asked for where that cannot be`() async throws {
        let made = try await Rehearsal(of: Tickets.self).run()
        #expect(made.outcome == .succeeded && made.timeline.contains { $0.contains(#"{"ticket":"CHG-1111"}"#) }, "\(made)")
        let odd = try await Rehearsal(of: OddTickets.self).run()
        #expect(odd.outcome == .waiting, "\(odd)")
        #expect(odd.waitsFor.first?.contains(#"--approve 'go={"ticket": …}'"#) == true && !"\(odd)".contains("--expire"), "\(odd)")
        let said = try await Rehearsal(of: OddTickets.self).approving("go", answers: ["ticket": "\u{E9}\u{E9}"]).run()
        #expect(said.outcome == .succeeded, "\(said)")
    }

    @Test func `of rules of different options the worse one holds, of one option the later one`() async throws {
        let release = try Self.release()
        for rehearsal in [try release.rejecting("go").approving("go"), try release.approving("go").rejecting("go")] {
            #expect(try await rehearsal.run().reason?.contains("rejected by") == true)
        }
        #expect(try await release.expiring("go").rejecting("go").run().reason?.contains("nobody decided") == true)
        for rehearsal in [release.failing("switch[web-1]").unreachable("web-1"), release.unreachable("web-1").failing("switch[web-1]")] {
            #expect(try await rehearsal.run().target("web-1", of: "deploy")?.outcome == "unreachable")
        }
        let later = try await release.failing("build", status: 3).failing("build", status: 4).run()
        #expect(later.reason?.contains("exit status 4") == true, "\(later)")
        let failed = try await release.output(Build(path: "/a", sha256: "b"), of: "build").failing("build").run()
        #expect(failed.outcome == .failed)
    }

    @Test func `a moment that is past is said to be, and a run that outlasts all of them is stopped`() async throws {
        let past = try await Rehearsal(of: Appointed.self).signal("when", "2020-01-01T00:00:00Z").run()
        #expect(past.outcome == .succeeded && past.seconds < 10)
        #expect(past.timeline.contains { $0.contains("its moment 2020-01-01T00:00:00.000Z is past: goes on at once") }, "\(past)")
        let future = try await Rehearsal(of: Appointed.self).signal("when", "2026-01-06T09:00:00Z").run()
        #expect(future.timeline.contains { $0.contains("waits until 2026-01-06T09:00:00.000Z, for 23 h 59 min") }, "\(future)")
        let last = try await Rehearsal(of: Appointed.self).signal("when", "9999-12-31T23:59:59.999Z").run()
        #expect(last.outcome == .waiting && last.report.stopped?.contains("9999-12-31T23:59:59.999Z") == true, "\(last)")
    }
}
