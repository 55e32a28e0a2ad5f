import FlowCommand
import FlowModel
import FlowWire
import Testing

@Suite("Crontabs: import", .timeLimit(.minutes(10)))
struct CrontabTests {
    private static let tab = #"""
        # comment
        MAILTO=root
        CRON_TZ="Asia/Tokyo"

        */5 * * * *  /bin/check --all
          @daily  backup
        @reboot start
        0 3 * * 1 date +%F
        0 3 * *
        0 0 31 2 * never
        PATH=/opt/bin
        CRON_TZ=UTC
        0 4 * * 1 date +\%F "\\" 'x\y'
        """#

    @Test func `where no engine stays with the home, an import says that its times do not come`() async {
        let engine = CrontabEngine()
        let world = engine.homeWorld("0 3 * * * /bin/nightly\n")
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron") == .succeeded, "\(world.err)")
        #expect(engine.schedules.count == 1)
        #expect(world.err.contains("Their times do not come while no engine serves /work/.flow."), "\(world.err)")
        #expect(world.err.contains("Start one: flowd --home /work/.flow"), "\(world.err)")
        let served = engine.world("0 4 * * * /bin/other\n")
        #expect(await served.run("schedule", "import", "/tab", "--flow", "cron", "--prefix", "b") == .succeeded, "\(served.err)")
        #expect(!served.err.contains("no engine serves"), "\(served.err)")
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `every line that cannot be taken is said with its number, and then nothing is imported`(_ end: String) async throws {
        let engine = CrontabEngine()
        let world = engine.world("\u{FEFF}" + Self.tab.replacing("\n", with: end))
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron") == .usage)
        let said = [
            "line 2: the setting MAILTO", "line 7: @reboot is no time", "line 8: its command has a bare %", "line 9: it has no command",
            "line 10: it never comes", "line 11: the setting PATH", "Nothing was imported: 5 of its lines cannot be taken.",
        ]
        for words in said { #expect(world.err.contains(words), "\(world.err)") }
        #expect(!world.err.contains("Nothing was started"))
        #expect(world.out.isEmpty && engine.schedules.isEmpty)
    }

    @Test func `the other lines are imported when that is asked for, each in the zone of its place`() async throws {
        let engine = CrontabEngine()
        let world = engine.world(Self.tab)
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron", "--skip-bad") == .usage)
        let schedules = engine.schedules
        #expect(schedules.keys.sorted() == ["cron-13", "cron-5", "cron-6"])
        #expect(schedules["cron-5"]?.spec.timeZone == "Asia/Tokyo" && schedules["cron-13"]?.spec.timeZone == "UTC")
        #expect(schedules["cron-5"]?.spec.inputs == ["command": "/bin/check --all"])
        // As cron hands it on: only the % loses its backslash.
        #expect(schedules["cron-13"]?.spec.inputs == ["command": #"date +%F "\\" 'x\y'"#])
        let shown = world.out.split(separator: "\n").map {
            $0.split(separator: " ", omittingEmptySubsequences: true).prefix(3).joined(separator: " ")
        }
        #expect(shown == ["LINE SCHEDULE IS", "5 cron-5 new", "6 cron-6 new", "13 cron-13 new"])
        #expect(world.out.contains("Asia/Tokyo") && world.out.contains("UTC") && world.err.contains("5 lines were left out."))
    }

    @Test func `a dry run says what would be added, and adds nothing`() async throws {
        let engine = CrontabEngine()
        let world = engine.world("0 1 * * * a\n0 2 * * * b\n")
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron", "--time-zone", "Asia/Shanghai", "--dry-run") == .succeeded)
        #expect(world.out.contains("Asia/Shanghai") && world.err.contains("Nothing was imported: this was a dry run."))
        #expect(engine.schedules.isEmpty)
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron") == .succeeded)
        #expect(engine.schedules.count == 2)
    }

    @Test func `what is wrong with all lines is said once`() async throws {
        let engine = CrontabEngine()
        let tab = (0..<14).map { "\($0) 1 * * * job-\($0)" }.joined(separator: "\n")
        let world = engine.world(tab)
        #expect(await world.run("schedule", "import", "/tab", "--flow", "nope") == .notFound)
        #expect(world.err == "flowctl: Nothing was imported: no flow 'nope' is registered.\nNext: flowctl flow add FILE.swift\n")
        #expect(await world.run("schedule", "import", "/tab", "--flow", "command") == .notFound)
        #expect(world.err.hasSuffix("Next: Did you mean 'commands'?\n"), "\(world.err)")
        let without = engine.world(tab)
        #expect(await without.run("schedule", "import", "/tab") == .usage)
        let numbers = (1...14).map(String.init).joined(separator: ", ")
        #expect(without.err.contains("lines \(numbers): it is a command: say with --flow which flow runs it\n"))
    }

    @Test(arguments: [true, false])
    func `a line that would replace another job is refused, and says what; the same content again is left as it is`(_ isDry: Bool) async throws {
        let engine = CrontabEngine()
        #expect(await engine.world("#\n*/5 * * * * /opt/job/five\n@daily same\n").run("schedule", "import", "/tab", "--flow", "cron") == .succeeded)
        engine.put(CrontabEngine.schedule("cron-2", engine.schedules["cron-2"]!.spec, pause: pause))
        let before = engine.schedules
        let other = engine.world("1 1 * * * echo new\n1 1 * * * echo HOST-B\n@daily same\n")
        let dry = isDry ? ["--dry-run"] : []
        let arguments = ["schedule", "import", "/tab", "--flow", "cron"] + dry
        #expect(await runFlowctl(arguments, in: other.surroundings) == .usage)
        let refusal = #"""
            line 2: schedule 'cron-2' is there, and would be replaced: -p command "echo HOST-B" instead of "/opt/job/five", cron "1 1 * * *" instead of "*/5 * * * *"
            """#
        #expect(other.err.contains(refusal), "\(other.err)")
        #expect(other.err.contains("--replace replaces it, --prefix NAME makes others beside it."))
        #expect(engine.schedules == before)
        // Asked for, it is replaced, and said to be; its pause stays. The third line is as it was.
        #expect(await runFlowctl(arguments + ["--replace"], in: other.surroundings) == .succeeded)
        let rows = other.out.split(separator: "\n").map { $0.split(separator: " ").prefix(4).joined(separator: " ") }
        #expect(rows == ["LINE SCHEDULE IS WHEN", "1 cron-1 new 1", "2 cron-2 replaced, paused", "3 cron-3 unchanged @daily"])
        if isDry { return #expect(engine.schedules == before) }
        #expect(engine.schedules["cron-2"]?.spec.inputs == ["command": "echo HOST-B"] && engine.schedules["cron-2"]?.pause == pause)
        #expect(engine.schedules["cron-3"] == before["cron-3"])
        // All of it again changes nothing.
        let after = engine.schedules
        #expect(await runFlowctl(arguments, in: other.surroundings) == .succeeded)
        #expect(engine.schedules == after)
        // Under names of its own it stands beside the others.
        #expect(await runFlowctl(arguments + ["--prefix", "b"], in: other.surroundings) == .succeeded)
        #expect(engine.schedules.keys.sorted() == ["b-1", "b-2", "b-3", "cron-1", "cron-2", "cron-3"])
    }

    @Test func `the same file in another zone is another content`() async throws {
        let engine = CrontabEngine()
        let world = engine.world("@daily a\n")
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron", "--time-zone", "Asia/Shanghai") == .succeeded)
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron") == .usage)
        #expect(world.err.contains(#"timeZone "UTC" instead of "Asia/Shanghai""#), "\(world.err)")
        #expect(engine.schedules["cron-1"]?.spec.timeZone == "Asia/Shanghai")
    }

    private let pause = Wire.Schedule.Pause(reason: "hold", sinceAt: Sample.at(0), untilAt: nil, by: "alice")
}
