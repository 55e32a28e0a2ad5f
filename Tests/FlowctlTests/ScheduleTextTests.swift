import FlowCommand
import FlowModel
import FlowWire
import Testing

@Suite("Schedules are shown whole", .timeLimit(.minutes(10)))
struct ScheduleTextTests {
    private static let schedule: JSON = {
        var spec = ScheduleSpec(flow: "backup")
        (spec.cron, spec.limit, spec.labels) = ("0 3 * * *", "web-1", ["team": "pay", "app": "shop"])
        (spec.calendars, spec.jitterSeconds, spec.maxAgeSeconds, spec.gap, spec.fold) = (["holidays"], 90, 7_200, .skip, .both)
        spec.blackouts = [.init(cron: "0 8 * * 1", minutes: 30)]
        return Sample.json(Wire.Schedule(name: "a-lim", revision: 1, spec: spec, changedAt: Sample.at(0), changedBy: "os:alice"))
    }()

    @Test(arguments: [["show", "a-lim"], ["add", "a-lim", "backup", "--cron", "0 3 * * *", "--limit", "web-1"]])
    func `with hosts, labels, dates and all else that it is bound to`(command: [String]) async {
        let flow = Wire.Flow(name: "backup", revision: Sample.digest, parameters: [], steps: 1, addedAt: Sample.at(0), addedBy: "os:alice")
        let world = World { call, _ in
            if call.path.contains("/occurrences") { return .json(Sample.page([])) }
            return .json(call.path.hasPrefix("/v1/flows") ? Sample.json(flow) : ScheduleTextTests.schedule)
        }
        #expect(await runFlowctl(["schedule"] + command, in: world.surroundings) == .succeeded, "\(world.err)")
        let lines = [
            "limit     web-1", "labels    app=shop, team=pay", "calendar  holidays", "jitter    up to 1 min 30 s", "gap       skip",
            "fold      both", "max-age   2 h", "blackout  30 min from 0 8 * * 1 on",
        ]
        for line in lines { #expect(world.out.contains(line), "\(world.out)") }
    }

    @Test func `and without lines for what it is not bound to`() async {
        var spec = ScheduleSpec(flow: "backup")
        spec.cron = "@daily"
        let schedule = Sample.json(Wire.Schedule(name: "plain", revision: 1, spec: spec, changedAt: Sample.at(0), changedBy: "os:alice"))
        let world = World { call, _ in .json(call.path.contains("/occurrences") ? Sample.page([]) : schedule) }
        #expect(await world.run("schedule", "show", "plain") == .succeeded, "\(world.err)")
        for word in ["limit", "labels", "calendar", "jitter", "gap", "fold", "max-age", "blackout"] {
            #expect(!world.out.contains(word), "\(world.out)")
        }
    }
}
