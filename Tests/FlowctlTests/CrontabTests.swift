import FlowCommand
import FlowModel
import FlowWire
import Testing

@Suite("Crontabs")
struct CrontabTests {
    private static let tab = """
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
        """

    /// An engine that knows no 31 February.
    private func world(_ tab: String) -> World {
        World(files: ["/tab": tab]) { call, _ in
            guard case .bytes(let bytes) = call.body, let request = try? JSON.parse(bytes).decode(as: Wire.ScheduleImport.self) else {
                return .json(["title": "no body"], status: 400)
            }
            let bad = request.items.filter { $0.spec.cron == "0 0 31 2 *" }
            guard bad.isEmpty else {
                let faults = bad.map { FlowError.Detail(subject: $0.name, message: "it never comes") }
                let problem = Wire.Problem(FlowError(.usage, subject: "items", "Nothing was added.", errors: faults))
                return .json((try? JSON(encoding: problem)) ?? .null, status: 400)
            }
            return .json(["items": []])
        }
    }

    private func added(_ world: World) throws -> [Wire.ScheduleImport.Item] {
        try world.calls.flatMap { call -> [Wire.ScheduleImport.Item] in
            guard case .bytes(let bytes) = call.body else { return [] }
            let request = try JSON.parse(bytes).decode(as: Wire.ScheduleImport.self)
            return request.dryRun == true ? [] : request.items
        }
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `every line that cannot be taken is said with its number, and then nothing is imported`(_ end: String) async throws {
        let world = world("\u{FEFF}" + Self.tab.replacing("\n", with: end))
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron") == .usage)
        let said = [
            "line 2: the setting MAILTO", "line 7: @reboot is no time", "line 8: its command has a %", "line 9: it has no command",
            "line 10: it never comes", "line 11: the setting PATH", "Nothing was imported: 5 of its lines cannot be taken.",
        ]
        for words in said { #expect(world.err.contains(words), "\(world.err)") }
        #expect(world.out.isEmpty)
        #expect(try added(world).isEmpty)
    }

    @Test func `the other lines are imported when that is asked for, all in one request`() async throws {
        let world = world(Self.tab)
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron", "--skip-bad") == .usage)
        #expect(world.out == "cron-5  */5 * * * *   /bin/check --all\ncron-6  @daily   backup\n")
        let items = try added(world)
        #expect(items.map(\.name) == ["cron-5", "cron-6"] && items.allSatisfy { $0.spec.timeZone == "Asia/Tokyo" })
        #expect(world.calls.count == 2 && world.err.contains("5 lines were left out."))
    }

    @Test func `a dry run says what would be added, and adds nothing`() async throws {
        let world = world("0 1 * * * a\n0 2 * * * b\n")
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron", "--dry-run") == .succeeded)
        #expect(world.out == "cron-1  0 1 * * *  a\ncron-2  0 2 * * *  b\n")
        #expect(try added(world).isEmpty)
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron") == .succeeded)
        #expect(try added(world).count == 2)
    }
}
