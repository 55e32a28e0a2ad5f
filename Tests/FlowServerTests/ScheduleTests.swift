import FlowAPI
import FlowEngine
import FlowModel
import FlowSchedules
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Testing

@Suite("Schedules", .timeLimit(.minutes(5)))
struct ScheduleTests {
    private let berlin = "Europe/Berlin"

    /// Everything that the rule names between two moments.
    private func nominals(_ house: ScheduleHouse, _ spec: ScheduleSpec, from: String, to: String) async throws -> [String] {
        let rule = try await house.scheduler.rule("x", spec)
        return rule.nextOccurrences(after: .init(after: try moment(from)), until: try moment(to), limit: 10_000).map(\.nominal)
    }

    @Test func `over a gap, a fold and three days of downtime every nominal time has exactly one record`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-03-27T12:00:00Z")
        var specs: [String: ScheduleSpec] = [:]
        for catchUp in ScheduleSpec.CatchUp.allCases {
            for (timing, cron) in [("daily", "30 2 * * *"), ("hourly", "15 * * * *"), ("often", "*/20 1-3 * * *")] {
                for (change, gap, fold) in [("usual", nil, nil), ("skip", ClockChange.Gap.skip, ClockChange.Fold.last), ("both", .shift, .both)] {
                    var spec = ScheduleSpec(flow: "quick")
                    (spec.cron, spec.timeZone, spec.gap, spec.fold, spec.catchUp) = (cron, berlin, gap, fold, catchUp)
                    spec.maxAgeSeconds = 2 * 86_400
                    spec.overlap = .allow
                    specs["\(timing).\(change).\(catchUp.rawValue)"] = spec
                }
            }
        }
        // The gap of March while the engine runs, then three days without it; the fold of October likewise, with the downtime across it.
        for (from, down, up, end) in [
            ("2026-03-27T12:00:00Z", "2026-03-30T12:00:00Z", "2026-04-02T12:00:00Z", "2026-04-03T12:00:00Z"),
            ("2026-10-22T12:00:00Z", "2026-10-24T12:00:00Z", "2026-10-27T12:00:00Z", "2026-10-28T12:00:00Z"),
        ] {
            clock.set(try moment(from))
            let before = try await ScheduleHouse(home: home, clock: clock)
            for (name, spec) in specs { _ = try await before.book.put(name, spec, by: ScheduleHouse.alice) }
            try await before.pass(to: down, stepSeconds: 30)
            try await before.close()
            clock.set(try moment(up))
            let after = try await ScheduleHouse(home: home, clock: clock)
            try await after.pass(to: end, stepSeconds: 30)
            let fromAt = try moment(from)
            for (name, spec) in specs {
                let expected = try await nominals(after, spec, from: from, to: end)
                let rows = try await after.book.occurrences(of: name, isMissed: false, before: nil, limit: 10_000)
                    .filter { $0.at > fromAt }
                #expect(rows.reversed().map(\.nominal) == expected, "\(name)")
                let runs = rows.compactMap(\.run)
                #expect(Set(runs).count == runs.count && rows.allSatisfy { ($0.run != nil) == ($0.state == .run) }, "\(name)")
                let (downAt, upAt) = (try moment(down), try moment(up))
                let missed = rows.filter { $0.at > downAt && $0.at <= upAt && $0.reason != .gap }
                switch spec.catchUp {
                case .all?: #expect(missed.allSatisfy { ($0.state == .run) == (upAt.seconds(since: $0.at) <= 2 * 86_400) }, "\(name)")
                case .last?: #expect(missed.filter { $0.state == .run }.map(\.nominal) == missed.prefix(1).map(\.nominal), "\(name)")
                case .some(.none), nil: #expect(missed.allSatisfy { $0.state == .skipped }, "\(name)")
                }
            }
            let daily = try await after.ledger("daily.usual.last")
            print(daily.joined(separator: "\n"))
            try await after.close()
        }
    }

    @Test func `a run that goes on makes the next time wait, skip, start beside it or take its place`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:00:00Z")
        let house = try await ScheduleHouse(home: home, clock: clock)
        for overlap in ScheduleSpec.Overlap.allCases {
            try await house.put(overlap.rawValue, flow: "open") {
                $0.cron = "0 * * * *"
                $0.overlap = overlap
            }
        }
        try await house.pass(to: "2026-01-01T03:30:00Z", stepSeconds: 900)
        #expect(try await house.states("allow") == ["run", "run", "run"])
        #expect(try await house.states("skip") == ["run", "overlap", "overlap"])
        #expect(try await house.states("queue") == ["run", "overlap", "overlap"])
        #expect(try await house.states("replace") == ["run", "run", "run"])
        let replaced = try await house.book.occurrences(of: "replace", isMissed: false, before: nil, limit: 10).compactMap(\.run)
        var states: [RunState] = []
        for run in replaced { states.append(try #require(try await house.store.run(run)).state) }
        #expect(states == [.waiting, .cancelled, .cancelled])
        // Each end lets one of the queue start, oldest first.
        for count in 2...3 {
            let rows = try await house.book.occurrences(of: "queue", isMissed: false, before: nil, limit: 10)
            let run = try #require(rows.compactMap(\.run).first)
            _ = try await house.engine.perform(.cancel, on: run, by: ScheduleHouse.alice)
            await house.scheduler.runEnded()
            _ = await house.scheduler.turn()
            let after = try await house.book.occurrences(of: "queue", isMissed: false, before: nil, limit: 10)
            #expect(after.reversed().map(\.state) == (0..<3).map { $0 < count ? .run : .queued })
        }
        try await house.close()
    }

    @Test func `a key that somebody else has keeps no time without its record, and ends no engine`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-03-01T12:00:00Z"))
        try await house.put("t1") { ($0.cron, $0.timeZone, $0.overlap) = ("* * * * *", "UTC", .allow) }
        var spec = ScheduleSpec(flow: "quick")
        (spec.cron, spec.timeZone) = ("* * * * *", "UTC")
        let times = try await nominals(house, spec, from: "2026-03-01T12:00:00Z", to: "2026-03-01T12:03:30Z")
        try #require(times.count == 3)
        func start(_ key: String) async throws -> RunID {
            let request = try await house.preparation.prepare(Wire.Start(flow: "quick"), key: key, content: ["of": "somebody"])
            return try await house.engine.start(request, by: ScheduleHouse.alice).run
        }
        // What a request can bring, also by the name that these keys once had; and what only the engine, or an older one, can have.
        let brought = try await start("schedule t1 \(times[0])")
        let had = try await start(StartRequest.ownKey("schedule", "t1", times[1]))
        try await house.pass(to: "2026-03-01T12:03:30Z", stepSeconds: 30)
        #expect(try await house.states("t1") == ["run", "refused", "run"])
        let rows = try await house.book.occurrences(of: "t1", isMissed: false, before: nil, limit: 10)
        #expect(rows.last?.run != brought)
        #expect(rows.contains { $0.detail?.contains("belongs to run \(had)") == true }, "\(rows)")
        _ = try await start("after")
        try await house.close()
    }

    @Test(arguments: ["resumed", "over"])
    func `a time that waits is held while its schedule is paused, until it is resumed or the pause is over`(how: String) async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:00:00Z")
        let house = try await ScheduleHouse(home: home, clock: clock)
        try await house.put("q", flow: "open") { ($0.cron, $0.overlap) = ("0 1,2 * * *", .queue) }
        try await house.pass(to: "2026-01-01T02:30:00Z", stepSeconds: 900)
        #expect(try await house.states("q") == ["run", "overlap"])
        let until = how == "over" ? try moment("2026-01-01T05:00:00Z") : nil
        _ = try await house.book.pause("q", Wire.SchedulePause(reason: "stop", until: until), by: ScheduleHouse.alice)
        let rows = try await house.book.occurrences(of: "q", isMissed: false, before: nil, limit: 10)
        _ = try await house.engine.perform(.cancel, on: try #require(rows.compactMap(\.run).first), by: ScheduleHouse.alice)
        try await house.releaseQueue()
        #expect(try await house.states("q") == ["run", "overlap"])
        if let until {
            // It says itself when it has to come again.
            #expect(await house.scheduler.turn() == until)
            clock.set(until)
        } else {
            _ = try await house.book.resume("q", by: ScheduleHouse.alice)
        }
        _ = await house.scheduler.turn()
        #expect(try await house.states("q") == ["run", "run"])
        try await house.close()
    }

    @Test func `times that somebody backfills start in a pause, past those that it holds`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-01-01T00:30:00Z"))
        try await Accounts(house.store).add(user: "bob", roles: ["operator"], by: "test", at: house.clock.now)
        try await house.people.refresh()
        try await house.put("q", flow: "open") { ($0.cron, $0.overlap) = ("0 * * * *", .queue) }
        try await house.pass(to: "2026-01-01T02:30:00Z", stepSeconds: 900)
        _ = try await house.book.pause("q", Wire.SchedulePause(reason: "stop"), by: ScheduleHouse.alice)
        try await house.pass(to: "2026-01-01T03:30:00Z", stepSeconds: 900)
        let bob = Actor(person: "bob", user: "bob", names: ["bob"], roles: ["operator"])
        let request = Wire.Backfill(from: try moment("2026-01-01T03:00:00Z"), until: try moment("2026-01-01T03:00:00Z"))
        #expect(try await house.book.backfill("q", request, by: bob).map(\.state) == [.queued])
        #expect(try await house.states("q") == ["run", "overlap", "overlap"])
        let rows = try await house.book.occurrences(of: "q", isMissed: false, before: nil, limit: 10)
        _ = try await house.engine.perform(.cancel, on: try #require(rows.compactMap(\.run).first), by: ScheduleHouse.alice)
        try await house.releaseQueue()
        #expect(try await house.states("q") == ["run", "overlap", "run"])
        try await house.close()
    }

    @Test func `several schedules are added together, or none, with what is wrong with each`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-02-01T00:00:00Z"))
        func item(_ name: String, _ change: (inout ScheduleSpec) -> Void) -> Wire.ScheduleImport.Item {
            var spec = ScheduleSpec(flow: "quick")
            change(&spec)
            return Wire.ScheduleImport.Item(name: name, spec: spec)
        }
        let good = [item("a") { $0.cron = "0 1 * * *" }, item("b") { $0.cron = "0 2 * * *" }]
        let bad = [
            item("c") { $0.cron = "0 0 31 2 *" }, item("d") { ($0.cron, $0.timeZone) = ("0 1 * * *", "Mars/Olympus") },
            item("e") { ($0.cron, $0.jitterSeconds) = ("0 1 * * *", .max) }, item("Bad Name") { $0.cron = "0 1 * * *" },
            item("f") { $0.at = "2026-02-30 10:00" }, item("g") { $0.at = "2025-01-01 10:00" },
        ]
        do {
            _ = try await house.book.put(Wire.ScheduleImport(items: good + bad), by: ScheduleHouse.alice)
            Issue.record("bad schedules were taken")
        } catch let error as FlowError {
            #expect(error.errors.map(\.subject) == ["c", "d", "e", "Bad Name", "f", "g"], "\(error)")
        }
        #expect(try await house.book.schedules(after: nil, limit: 1_000).isEmpty)
        _ = try await house.book.put(Wire.ScheduleImport(items: good, dryRun: true), by: ScheduleHouse.alice)
        #expect(try await house.book.schedules(after: nil, limit: 1_000).isEmpty)
        #expect(try await house.book.put(Wire.ScheduleImport(items: good), by: ScheduleHouse.alice).map(\.name) == ["a", "b"])
        #expect(try await house.book.schedules(after: nil, limit: 1_000).count == 2)
        try await house.close()
    }

    @Test func `an import replaces no schedule that has changed since somebody looked`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-02-01T00:00:00Z"))
        func add(_ name: String, _ cron: String, _ revision: Int?) async throws -> Int? {
            var spec = ScheduleSpec(flow: "quick")
            spec.cron = cron
            let other = Wire.ScheduleImport.Item(name: "other-\(name)", spec: spec)
            let items = [other, Wire.ScheduleImport.Item(name: name, spec: spec, revision: revision)]
            return try await house.book.put(Wire.ScheduleImport(items: items), by: ScheduleHouse.alice).last?.revision
        }
        #expect(try await add("a", "0 1 * * *", 0) == 1)
        for wrong in [0, 2] {
            let error = await #expect(throws: FlowError.self) { try await add("a", "0 2 * * *", wrong) }
            #expect(error?.code == .conflict && error?.message.contains("was changed meanwhile") == true, "\(String(describing: error))")
        }
        #expect(try await house.book.schedule("a")?.spec.cron == "0 1 * * *")
        #expect(try await house.book.schedule("other-a")?.revision == 1, "none of them is kept")
        #expect(try await add("a", "0 3 * * *", 1) == 2)
        #expect(try await add("a", "0 4 * * *", nil) == 3, "who does not say replaces what is there")
        try await house.close()
    }

    @Test func `a schedule that the audit trail would not hold is refused as too large`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-02-01T00:00:00Z"))
        func put(_ bytes: Int) async throws {
            try await house.put("big") { ($0.cron, $0.calendars) = ("@daily", [String(repeating: "c", count: bytes)]) }
        }
        let error = await #expect(throws: FlowError.self) { try await put(Limits.storedSpecBytes) }
        #expect(error?.code == .tooLarge)
        #expect(error?.message.contains("at most \(Limits.storedSpecBytes) are kept") == true, "\(String(describing: error))")
        try await house.close()
    }

    @Test func `labels of schedules have the bounds of those of starts`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-03-01T12:00:00Z"))
        try await house.put("good") { ($0.cron, $0.labels) = ("@daily", tooManyLabels(Limits.labels)) }
        for labels in [tooManyLabels(Limits.labels + 1), ["": "v"], ["a=b": "v"], ["a": String(repeating: "v", count: Limits.textBytes)]] {
            let error = await #expect(throws: FlowError.self) { try await house.put("bad") { ($0.cron, $0.labels) = ("@daily", labels) } }
            #expect(error?.code == .usage)
        }
        try await house.close()
    }

    @Test func `a pause is recorded time by time, ends by itself, and what was missed can be backfilled by its revision`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:30:00Z")
        let house = try await ScheduleHouse(home: home, clock: clock)
        try await house.put("s") { $0.cron = "0 * * * *" }
        _ = try await house.book.pause(
            "s", Wire.SchedulePause(reason: "release", until: try moment("2026-01-01T03:30:00Z")), by: ScheduleHouse.alice)
        #expect(try await house.book.next("s", limit: 4).map { $0.reason?.rawValue ?? "run" } == ["paused", "paused", "paused", "run"])
        try await house.pass(to: "2026-01-01T04:30:00Z", stepSeconds: 600)
        #expect(try await house.states("s") == ["paused", "paused", "paused", "run"])
        try await house.put("s") { $0.cron = "30 * * * *" }
        try await house.pass(to: "2026-01-01T06:00:00Z", stepSeconds: 600)
        // What the schedule began has ended: the first that is filled in meets no run.
        for run in try await house.book.occurrences(of: "s", isMissed: false, before: nil, limit: 10).compactMap(\.run) {
            while try await house.store.run(run)?.state.isTerminal == false { try await Task.sleep(for: .milliseconds(5)) }
        }
        let request = Wire.Backfill(from: try moment("2026-01-01T02:00:00Z"), until: try moment("2026-01-01T06:00:00Z"))
        let filled = try await house.book.backfill("s", request, by: ScheduleHouse.alice)
        let told = filled.map { "\($0.nominal.prefix(16)) \($0.revision) \($0.state?.rawValue ?? "")" }
        #expect(told == ["2026-01-01T02:00 1 run", "2026-01-01T03:00 1 queued"])
        try await house.releaseQueue()
        #expect(try await house.book.backfill("s", request, by: ScheduleHouse.alice).isEmpty)
        #expect(try await house.states("s") == ["paused", "run", "run", "run", "run"])
        try await house.close()
    }

    @Test func `a flow that cannot start is said in the record, and a schedule that could never start is refused`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:30:00Z")
        let house = try await ScheduleHouse(home: home, clock: clock)
        await #expect(throws: FlowError.self) { try await house.put("s", flow: "gone") { $0.cron = "@daily" } }
        await #expect(throws: FlowError.self) { try await house.put("s") { $0.at = "2025-01-01 00:00" } }
        await #expect(throws: FlowError.self) {
            try await house.put("s") {
                $0.timeZone = "../../etc/passwd"; $0.cron = "@daily"
            }
        }
        await #expect(throws: FlowError.self) {
            try await house.put("s") {
                $0.cron = "@daily"; $0.at = "2027-01-01 00:00"
            }
        }
        try await house.put("s") { $0.cron = "@hourly" }
        var row = try #require(await house.scheduler.entry("s")).row
        row.spec.flow = "gone"
        await house.scheduler.take(row)
        try await house.pass(to: "2026-01-01T01:30:00Z", stepSeconds: 600)
        let record = try #require(try await house.book.occurrences(of: "s", isMissed: true, before: nil, limit: 1).first)
        #expect(record.reason == .refused && record.detail == "There is no flow 'gone'.")
        try await house.close()
    }

    @Test func `a schedule of somebody who was removed or demoted stands still and says why, until somebody takes it over`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:30:00Z")
        var house = try await ScheduleHouse(home: home, clock: clock)
        try await house.put("s") { $0.cron = "0 * * * *" }
        try await house.pass(to: "2026-01-01T01:30:00Z", stepSeconds: 600)
        let accounts = Accounts(house.store)
        try await accounts.setRoles(["viewer"], of: "alice", by: "root", at: clock.now)
        try await house.people.refresh()
        #expect(try await house.book.schedule("s")?.fault?.contains("alice, who wrote it, may not start runs any more") == true)
        #expect(try await house.book.next("s", limit: 1).map(\.reason) == [.owner])
        try await house.pass(to: "2026-01-01T02:30:00Z", stepSeconds: 600)
        _ = try await accounts.remove(user: "alice", by: "root", at: clock.now)
        try await house.people.refresh()
        // Somebody gets the name: neither now nor after a restart are the schedules theirs.
        try await accounts.add(user: "alice", roles: ["admin"], by: "root", at: clock.now)
        try await house.people.refresh()
        try await house.pass(to: "2026-01-01T03:30:00Z", stepSeconds: 600)
        try await house.close()
        house = try await ScheduleHouse(home: home, clock: clock)
        try await house.pass(to: "2026-01-01T04:30:00Z", stepSeconds: 600)
        #expect(try await house.states("s") == ["run", "owner", "owner", "owner"])
        let record = try #require(try await house.book.occurrences(of: "s", isMissed: true, before: nil, limit: 1).first)
        #expect(record.detail?.contains("alice, who wrote it, was removed") == true)
        // Who backfills answers for it, and whose inputs they are is not forgotten.
        let bob = Actor(person: "bob", user: "bob", names: ["bob"], roles: ["operator"])
        let request = Wire.Backfill(from: try moment("2026-01-01T02:00:00Z"), until: try moment("2026-01-01T02:00:00Z"))
        let run = try #require(try await house.book.backfill("s", request, by: bob).first?.run)
        let first = try #require(try await house.store.journal(of: run, after: 0, limit: 1).first)
        guard case .created(let created)? = try Entry.decode(first.bytes, fetch: { _ in nil }).first else { throw CancellationError() }
        #expect(created.user == "bob")
        #expect(created.shapers.map(\.user) == ["alice"])
        try await house.put("s") { $0.cron = "0 * * * *" }
        try await house.pass(to: "2026-01-01T05:30:00Z", stepSeconds: 600)
        #expect(try await house.states("s").last == "run")
        try await house.close()
    }

    @Test(arguments: [90, 86_400, 259_200] as [Double])
    func `a clock that was ahead and is right again lets no schedule wait, and no time run twice`(ahead: Double) async throws {
        let isLong = ahead > 3_600
        for isRestarted in [false, true] {
            let home = try TemporaryHome()
            defer { home.remove() }
            let clock = try ManualClock("2026-01-01T00:30:30Z")
            var house = try await ScheduleHouse(home: home, clock: clock)
            for (name, catchUp) in [("all", ScheduleSpec.CatchUp.all), ("last", .last), ("none", .none)] {
                try await house.put(name) {
                    ($0.cron, $0.overlap, $0.catchUp, $0.maxAgeSeconds) = (isLong ? "*/15 * * * *" : "* * * * *", .allow, catchUp, 30 * 86_400)
                }
            }
            let right = clock.now
            clock.set(right + ahead)
            _ = await house.scheduler.turn()
            clock.set(right + 5)
            if isRestarted {
                try await house.close()
                house = try await ScheduleHouse(home: home, clock: clock)
            }
            _ = await house.scheduler.turn()
            #expect(
                try await house.book.next("all", limit: 1).first?.at == moment(isLong ? "2026-01-01T00:45:00Z" : "2026-01-01T00:31:00Z"),
                "it waits for no wrong time")
            try await house.pass(to: isLong ? "2026-01-01T01:40:30Z" : "2026-01-01T00:40:30Z", stepSeconds: 15)
            for name in ["all", "last", "none"] {
                let rows = try await house.book.occurrences(of: name, isMissed: false, before: nil, limit: 10_000)
                #expect(Set(rows.map(\.nominal)).count == rows.count)
                #expect(Set(rows.compactMap(\.run)).count == rows.compactMap(\.run).count)
                let come = rows.filter { $0.at <= clock.now }
                #expect(come.count == (isLong ? 4 : 10) && come.allSatisfy { $0.state == .run }, "\(name), restarted: \(isRestarted)")
            }
            try await house.close()
        }
    }

    @Test func `a backfill keeps the schedule's runs from going on side by side, and remembers who asked`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:30:00Z")
        var house = try await ScheduleHouse(home: home, clock: clock)
        let bob = Actor(person: "bob", user: "bob", names: ["bob"], roles: ["operator"])
        try await Accounts(house.store).add(user: "bob", roles: ["operator"], by: "test", at: clock.now)
        try await house.people.refresh()
        for overlap in [ScheduleSpec.Overlap.skip, .allow] {
            try await house.put(overlap.rawValue, flow: "open") { ($0.cron, $0.overlap) = ("0 * * * *", overlap) }
            _ = try await house.book.pause(overlap.rawValue, Wire.SchedulePause(reason: "later"), by: ScheduleHouse.alice)
        }
        try await house.pass(to: "2026-01-01T03:30:00Z", stepSeconds: 900)
        let request = Wire.Backfill(from: try moment("2026-01-01T01:00:00Z"), until: try moment("2026-01-01T03:00:00Z"))
        #expect(try await house.book.backfill("allow", request, by: bob).map(\.state) == [.run, .run, .run])
        let rows = try await house.book.backfill("skip", request, by: bob)
        #expect(rows.map(\.state) == [.run, .queued, .queued])
        // A restart in between; the run that goes on ends, and the next one is of who asked.
        try await house.close()
        house = try await ScheduleHouse(home: home, clock: clock)
        let first = try #require(rows.first?.run)
        _ = try await house.engine.perform(.cancel, on: first, by: ScheduleHouse.alice)
        try await house.releaseQueue()
        let second = try #require(try await house.book.occurrences(of: "skip", isMissed: false, before: nil, limit: 10).reversed().dropFirst().first)
        #expect(second.state == .run)
        let secondRun = try #require(second.run)
        let run = try #require(try await house.store.run(secondRun))
        #expect(run.actor == "bob")
        // Who asked has gone: what waits does not start.
        _ = try await Accounts(house.store).remove(user: "bob", by: "test", at: clock.now)
        try await house.people.refresh()
        _ = try await house.engine.perform(.cancel, on: run.id, by: ScheduleHouse.alice)
        try await house.releaseQueue()
        let last = try #require(try await house.book.occurrences(of: "skip", isMissed: false, before: nil, limit: 1).first)
        #expect(last.state == .skipped && last.reason == .owner)
        let long = Wire.Backfill(from: try moment("2025-12-25T00:00:00Z"), until: try moment("2026-01-01T00:00:00Z"))
        let error = await #expect(throws: FlowError.self) { try await house.book.backfill("skip", long, by: ScheduleHouse.alice) }
        #expect(error?.code == .tooLarge)
        try await house.close()
    }

    @Test func `sixty thousand schedules due in one second all start`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:30:00Z")
        let house = try await ScheduleHouse(home: home, clock: clock)
        let count = 60_000
        var spec = ScheduleSpec(flow: "quick")
        spec.cron = "0 1 * * *"
        spec.overlap = .allow
        for number in 0..<count {
            await house.scheduler.take(
                ScheduleRow(
                    name: "s\(number)", revision: 1, spec: spec, user: "alice", person: "p1", changedAt: clock.now, at: clock.now,
                    wall: Int.max))
        }
        clock.set(try moment("2026-01-01T01:00:00Z"))
        let began = ContinuousClock.now
        _ = await house.scheduler.turn()
        print("60,000 schedules due in one second: started in \(ContinuousClock.now - began)")
        for number in [0, count / 2, count - 1] { #expect(try await house.states("s\(number)") == ["run"]) }
        try await house.close()
    }
}
