import FlowCommand
import FlowModel
import FlowWire
import Testing

@Suite("Crontabs: export", .timeLimit(.minutes(10)))
struct CrontabExportTests {
    private static let words = [
        "", " ", "a b", "it's", "'\u{301}x", "%", "\\%", "\\\\%", "%%'%'\\", "\t", "x\ty ", "-p", "--limit", "=", "a=b", "\u{301}first", "%\u{301}",
        "\\",
        "$HOME `id` \"q\" ;&|<>*?~#!", "\u{1B}[31m\u{7F}", "日本", "\u{2028}\u{85}\u{FEFF}", "# flow schedule x overlap=skip catch-up=last",
        String(repeating: "x%'", count: 60),
    ]

    /// SplitMix64.
    private struct Chance: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
        mutating func pick<Value>(_ values: [Value]) -> Value { values[Int(next() % UInt64(values.count))] }
    }

    /// A schedule of which a crontab can say everything.
    private static func plain(_ chance: inout Chance) -> ScheduleSpec {
        var spec = ScheduleSpec(flow: "many")
        spec.cron = chance.pick(["*/5 * * * *", "@daily", "0  3\t* JUL 1-5", "0 0 1,15 * SUN", "@hourly", "5/15 8-18 * * MON-SUN"])
        spec.timeZone = chance.pick([nil, "UTC", "Asia/Tokyo", "America/St_Johns"] as [String?])
        spec.overlap = chance.pick([nil, .allow, .skip] as [ScheduleSpec.Overlap?])
        spec.catchUp = chance.pick([nil, ScheduleSpec.CatchUp.none, ScheduleSpec.CatchUp.last] as [ScheduleSpec.CatchUp?])
        spec.limit = chance.pick([nil, "web-1", "group:web & !role=canary", "-x"] as [String?])
        let words = [chance.pick(Self.words), chance.pick(Self.words), chance.pick(Self.words)]
        let (count, share) = (JSON.int(chance.pick([0, -1, Int.max, Int.min])), JSON.double(chance.pick([0.5, -1e300, 1e-300])))
        let values: [(String, JSON)] = [
            ("text", .string(words[0])), ("list", .array([.string(words[1]), "c"])), ("count", count), ("share", share),
            ("flag", .bool(chance.pick([true, false]))), ("hosts", "a | b"),
        ]
        let chosen = Dictionary(uniqueKeysWithValues: values.filter { _ in chance.next() % 2 == 0 })
        spec.inputs = chosen.isEmpty ? nil : chosen
        spec.labels = chance.pick([nil, ["ticket": words[2]], ["a": "1", "b": "x y"]] as [[String: String]?])
        spec.jitterSeconds = chance.pick([nil, 0] as [Int?])
        spec.isTrigger = chance.pick([nil, true] as [Bool?])
        return spec
    }

    /// What no crontab can say, one by one.
    private typealias Change = @Sendable (inout Wire.Schedule) -> Void
    private static let unsaid: [(why: String, change: Change)] = [
        (
            "it is paused (so\u{240A}* * * * * evil)",
            { $0.pause = .init(reason: "so\n* * * * * evil", sinceAt: Sample.at(0), untilAt: nil, by: "al") }
        ),
        ("it stands still: no calendar", { $0.fault = "no calendar" }), ("calendar hol, half", { $0.spec.calendars = ["hol", "half"] }),
        ("1 blackouts", { $0.spec.blackouts = [.init(cron: "@daily", minutes: 5)] }), ("jitter of 9 s", { $0.spec.jitterSeconds = 9 }),
        ("gap skip", { $0.spec.gap = .skip }), ("fold both", { $0.spec.fold = .both }), ("overlap queue", { $0.spec.overlap = .queue }),
        ("overlap replace", { $0.spec.overlap = .replace }), ("catch-up all", { $0.spec.catchUp = .all }),
        ("max-age of 60 s", { $0.spec.maxAgeSeconds = 60 }),
        ("it comes at 2026-03-29 14:30", { ($0.spec.cron, $0.spec.at) = (nil, "2026-03-29 14:30") }),
        ("it comes 07:30 Mon-Fri", { ($0.spec.cron, $0.spec.alarm) = (nil, "07:30 Mon-Fri") }), ("L, # and ?", { $0.spec.cron = "0 0 L JUL *" }),
        ("L, # and ?", { $0.spec.cron = "0 0 * * 5#2" }), ("a line end or NUL in input text", { $0.spec.inputs = ["text": "a\n* * * * * evil"] }),
        ("a line end or NUL in input text", { $0.spec.inputs = ["text": "a\r\nb"] }),
        ("input text, which is secret", { $0.spec.inputs = ["text": "<redacted>"] }),
        ("a line end or NUL in label k", { $0.spec.labels = ["k": "a\nb"] }), ("the label's name 'a=b'", { $0.spec.labels = ["a=b": "c"] }),
        ("a line end or NUL in the limit", { $0.spec.limit = "a\nb" }), ("input text, which is null", { $0.spec.inputs = ["text": .null] }),
        (
            "its command of 1047 bytes, of which cron reads 998",
            { ($0.spec.inputs, $0.spec.limit, $0.spec.labels) = (["text": .string(.init(repeating: "x", count: 1_013))], nil, nil) }
        ),
    ]

    private static func export(_ schedules: [Wire.Schedule]) async -> String {
        let world = CrontabEngine(schedules).world()
        #expect(await world.run("schedule", "export") == .succeeded)
        return world.out
    }

    /// The command of a crontab's line as cron hands it on, and whether some of it became input.
    private static func byCron(_ line: Substring) -> (command: String, hasInput: Bool) {
        let fields = line.hasPrefix("@") ? 1 : 5
        var (command, isEscaped) = (String.UnicodeScalarView(), false)
        for scalar in line.split(separator: " ", maxSplits: fields)[fields].unicodeScalars {
            if isEscaped, scalar == "%" { command.removeLast() }
            if !isEscaped, scalar == "%" { return (String(command), true) }
            isEscaped = !isEscaped && scalar == "\\"
            command.append(scalar)
        }
        return (String(command), false)
    }

    @Test(arguments: 1...8)
    func `what a crontab can say is read back as it was, and started with the same words`(_ seed: UInt64) async throws {
        var chance = Chance(state: seed)
        let schedules = (10..<40).map { CrontabEngine.schedule("s-\($0)", Self.plain(&chance)) }
        let text = await Self.export(schedules)
        // Into an engine that has them: nothing changes. Into an empty one: they are there.
        let (same, empty) = (CrontabEngine(schedules), CrontabEngine())
        let world = same.world(text)
        #expect(await world.run("schedule", "import", "/tab") == .succeeded, "\(world.err)")
        let rows = world.out.split(separator: "\n").dropFirst()
        #expect(rows.count == schedules.count && rows.allSatisfy { $0.contains(" unchanged ") }, "\(world.out)")
        #expect(same.schedules.values.sorted { $0.name < $1.name } == schedules)
        #expect(await empty.world(text).run("schedule", "import", "/tab") == .succeeded)
        #expect(empty.schedules.keys.sorted() == schedules.map(\.name))
        let again = CrontabEngine(Array(empty.schedules.values)).world(text)
        #expect(await again.run("schedule", "import", "/tab") == .succeeded)
        for schedule in schedules {
            let read = try #require(empty.schedules[schedule.name]?.spec)
            #expect((read.inputs ?? [:]) == (schedule.spec.inputs ?? [:]) && (read.labels ?? [:]) == (schedule.spec.labels ?? [:]))
            #expect(read.limit == schedule.spec.limit && read.timeZone == schedule.spec.timeZone ?? "UTC")
        }
        // What cron and the shell make of the lines.
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") && $0.contains(" flowctl run --detach ") }
        #expect(lines.count == schedules.count)
        var script = "flowctl() { printf '%s\\0' \"$#\" \"$@\"; }\n"
        for line in lines {
            let (command, hasInput) = Self.byCron(line)
            #expect(!hasInput, "\(line)")
            script += command + "\n"
        }
        let expected = schedules.flatMap { schedule in
            let words = Self.arguments(schedule.spec)
            return ["\(words.count)"] + words
        }
        #expect(try shellArguments(script) == expected)
    }

    /// As Debian's cron and cronie take them; found with theirs.
    @Test(arguments: [
        ("5/15 8/2 * * MON-SUN", "5-59/15 8-23/2 * * 1-7"), ("0 8 * * fri-sun,SUN-TUE", "0 8 * * 5-7,0-2"),
        ("59/2 23/3 31/5 DEC/2 6/2", "59 23 31 DEC 6"), ("0 0 * JAN/3 SUN/2", "0 0 * 1-12/3 0-6/2"),
        ("*/5 1-9/2 1 JAN-MAR Mon-Fri", "*/5 1-9/2 1 JAN-MAR Mon-Fri"), ("0 0 * * 5-0/2", "0 0 * * 5-7/2"),
    ])
    func `times are written in words that every cron reads`(written: String, exported: String) async throws {
        var spec = ScheduleSpec(flow: "f")
        spec.cron = written
        let text = await Self.export([CrontabEngine.schedule("s", spec)])
        #expect(text.split(separator: "\n").last?.hasPrefix("\(exported) flowctl run ") == true, "\(text)")
    }

    private static func arguments(_ spec: ScheduleSpec) -> [String] {
        let inputs = (spec.inputs ?? [:]).sorted { $0.key < $1.key }.flatMap { ["-p", "\($0.key)=\($0.value.stringValue ?? $0.value.canonical)"] }
        let limit = spec.limit.map { $0.hasPrefix("-") ? ["--limit=\($0)"] : ["--limit", $0] } ?? []
        let labels = (spec.labels ?? [:]).sorted { $0.key < $1.key }.flatMap { ["--label", "\($0.key)=\($0.value)"] }
        return ["run", "--detach", spec.flow] + inputs + limit + labels
    }

    @Test(arguments: unsaid.indices)
    func `what a crontab cannot say is a comment with the reason, and never a line`(_ index: Int) async throws {
        var chance = Chance(state: UInt64(index))
        let why = Self.unsaid[index].why
        for _ in 0..<5 {
            var schedule = CrontabEngine.schedule("s", Self.plain(&chance))
            Self.unsaid[index].change(&schedule)
            let text = await Self.export([schedule])
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(lines.contains { $0.hasPrefix("# s, in ") && $0.contains(why) }, "\(text)")
            // Nothing but comments and where the engine is, for cron as for the import.
            #expect(lines.allSatisfy { $0.hasPrefix("#") || $0 == "FLOW_SERVER=http://flow.test" }, "\(text)")
            let engine = CrontabEngine()
            #expect(await engine.world(text).run("schedule", "import", "/tab") == .succeeded)
            #expect(engine.schedules.isEmpty)
        }
    }

    @Test func `a file gets every byte, a screen nothing that steers it`() async throws {
        var spec = ScheduleSpec(flow: "many")
        (spec.cron, spec.inputs) = ("@daily", ["text": "\u{1B}[31m\u{85}\tx"])
        let engine = CrontabEngine([CrontabEngine.schedule("s", spec)])
        let (file, screen) = (engine.world(), engine.world(isInteractive: true))
        #expect(await file.run("schedule", "export") == .succeeded)
        #expect(await screen.run("schedule", "export") == .succeeded)
        #expect(file.out.contains("'text=\u{1B}[31m\u{85}\tx'"))
        #expect(screen.out.contains("'text=\u{241B}[31m<U+85>\tx'"), "\(screen.out)")
    }

    @Test func `a comment that looks like an export's is not taken for one where the command is another`() async throws {
        let engine = CrontabEngine()
        let tab = """
            # flow schedule mine overlap=skip catch-up=last
            1 1 * * * flowctl run --detach many; rm -rf /tmp/x
            # flow schedule gone overlap=skip catch-up=last

            2 2 * * * flowctl run --detach many
            """
        #expect(await engine.world(tab).run("schedule", "import", "/tab", "--flow", "cron") == .succeeded)
        #expect(engine.schedules.keys.sorted() == ["cron-2", "cron-5"])
        #expect(engine.schedules.values.allSatisfy { $0.spec.flow == "cron" && $0.spec.overlap == .allow })
    }

    @Test func `a schedule that stands in the file twice is refused, not guessed`() async throws {
        let engine = CrontabEngine()
        let entry = "# flow schedule s overlap=skip catch-up=last\n1 1 * * * flowctl run --detach many\n"
        let world = engine.world(entry + entry)
        #expect(await world.run("schedule", "import", "/tab") == .usage)
        #expect(world.err.contains("line 4: schedule 's' stands in line 2, too") && engine.schedules.isEmpty)
    }
}
