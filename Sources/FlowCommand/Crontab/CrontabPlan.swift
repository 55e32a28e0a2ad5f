import FlowModel
import FlowWire

/// What the lines of a crontab become, beside the schedules that are there.
struct CrontabPlan {
    struct Item {
        enum Standing: Equatable { case new, unchanged, replaced }

        var job: Crontab.Job
        var name: String
        var spec: ScheduleSpec
        var standing = Standing.new
        /// What it replaces; 0: nothing.
        var revision = 0
        var isPaused = false

        var words: String { "\(standing)" + (isPaused ? ", paused" : "") }
    }

    /// Runs commands that no flow of their own is named for.
    let flow: String?
    let prefix: String?
    let replaces: Bool

    private(set) var items: [Item] = []
    private(set) var faults: [Crontab.Fault] = []
    /// Whether lines are refused that would replace a schedule.
    private(set) var hasConflicts = false

    init(flow: String?, prefix: String?, replaces: Bool) {
        self.flow = flow
        self.prefix = prefix
        self.replaces = replaces
    }

    // MARK: - Lines

    /// Makes schedules of the jobs, by the flows as they are registered.
    mutating func take(_ crontab: Crontab, _ client: FlowClient) async throws(FlowError) {
        faults = crontab.faults
        var flows: [String: Wire.Flow] = [:]
        let names = Set(crontab.jobs.compactMap { $0.exported?.flow ?? flow }).sorted()
        for name in names { flows[name] = try await registered(name, client) }
        for job in crontab.jobs {
            do throws(FlowError) {
                let name = prefix.map { "\($0)-\(job.line)" } ?? job.exported?.mark.name ?? "cron-\(job.line)"
                items.append(Item(job: job, name: name, spec: try spec(of: job, flows)))
            } catch {
                refuse(job, CrontabPlan.words(error))
            }
        }
    }

    private func registered(_ name: String, _ client: FlowClient) async throws(FlowError) -> Wire.Flow? {
        do throws(FlowError) {
            return try await client.fetch(Wire.Flow.self, "GET", "/v1/flows/\(percentEncoded(name))")
        } catch {
            guard error.code == .notFound else { throw error }
            let guess = error.hint.flatMap { $0.hasPrefix("Did you mean") ? $0 : nil }
            guard name != flow else {
                throw FlowError(
                    .notFound, subject: name, "Nothing was imported: no flow '\(name)' is registered.", hint: guess ?? "flowctl flow add FILE.swift")
            }
            return nil
        }
    }

    private func spec(of job: Crontab.Job, _ flows: [String: Wire.Flow]) throws(FlowError) -> ScheduleSpec {
        guard let name = job.exported?.flow ?? flow else {
            throw FlowError(.usage, subject: "--flow", "it is a command: say with --flow which flow runs it")
        }
        guard let registered = flows[name] else { throw FlowError(.notFound, subject: name, "no flow '\(name)' is registered") }
        var spec = ScheduleSpec(flow: name)
        (spec.cron, spec.timeZone) = (job.cron, job.zone)
        guard let exported = job.exported else {
            // As cron does: every time starts, and what was missed is gone.
            (spec.overlap, spec.catchUp) = (.allow, ScheduleSpec.CatchUp.none)
            spec.inputs = ["command": .string(job.command)]
            return spec
        }
        (spec.overlap, spec.catchUp, spec.limit) = (exported.mark.overlap, exported.mark.catchUp, exported.limit)
        let inputs = try Surroundings.here.loader.inputs(try pairs(of: exported.inputs, option: "-p"), and: [:], for: registered.parameters)
        spec.inputs = inputs.isEmpty ? nil : inputs
        let labels = try pairs(of: exported.labels, option: "--label")
        spec.labels = labels.isEmpty ? nil : Dictionary(labels.map { ($0.name, $0.text) }, uniquingKeysWith: { $1 })
        return spec
    }

    // MARK: - Checks

    /// Refuses what would take another schedule's name, and what the engine would refuse.
    mutating func check(_ client: FlowClient) async throws(FlowError) {
        if !items.isEmpty {
            let there = try await client.list(Wire.Schedule.self, "/v1/schedules")
            compare(Dictionary(there.map { ($0.name, $0) }, uniquingKeysWith: { $1 }))
            try await ask(client)
        }
        let bad = Set(faults.map(\.line))
        items.removeAll { bad.contains($0.job.line) }
    }

    private mutating func compare(_ there: [String: Wire.Schedule]) {
        var lines: [String: Int] = [:]
        for index in items.indices {
            let item = items[index]
            if let other = lines.updateValue(item.job.line, forKey: item.name) {
                refuse(item.job, "schedule '\(item.name)' stands in line \(other), too")
                continue
            }
            guard let old = there[item.name] else { continue }
            items[index].isPaused = old.pause != nil
            items[index].revision = old.revision
            let differences = CrontabPlan.differences(from: old.spec, to: item.spec)
            items[index].standing = differences.isEmpty ? .unchanged : .replaced
            guard !differences.isEmpty, !replaces else { continue }
            hasConflicts = true
            refuse(item.job, "schedule '\(item.name)' is there, and would be replaced: \(differences.joined(separator: ", "))")
        }
    }

    private mutating func ask(_ client: FlowClient) async throws(FlowError) {
        // A name that stands twice is said already.
        var names: Set<String> = []
        let changes = self.changes.filter { names.insert($0.name).inserted }
        if changes.isEmpty { return }
        do throws(FlowError) {
            _ = try await client.request("POST", "/v1/schedules", body: try body(request(changes, dryRun: true)))
        } catch {
            let jobs = Dictionary(changes.map { ($0.name, $0.job) }, uniquingKeysWith: { one, _ in one })
            guard !error.errors.isEmpty, error.errors.allSatisfy({ jobs[$0.subject] != nil }) else { throw error }
            for detail in error.errors {
                if let job = jobs[detail.subject] { refuse(job, CrontabPlan.withoutStart(detail.message)) }
            }
        }
    }

    private mutating func refuse(_ job: Crontab.Job, _ why: String) { faults.append(Crontab.Fault(line: job.line, why: why)) }

    // MARK: - Adding

    /// Adds what is new or replaced, in one request.
    func add(_ client: FlowClient) async throws(FlowError) {
        if changes.isEmpty { return }
        _ = try await client.request("POST", "/v1/schedules", body: try body(request(changes, dryRun: nil)))
    }

    private var changes: [Item] { items.filter { $0.standing != .unchanged } }

    private func request(_ items: [Item], dryRun: Bool?) -> Wire.ScheduleImport {
        Wire.ScheduleImport(items: items.map { Wire.ScheduleImport.Item(name: $0.name, spec: $0.spec, revision: $0.revision) }, dryRun: dryRun)
    }

    // MARK: - Words

    /// What a schedule would say otherwise: `cron "1 1 * * *" instead of "0 3 * * *"`.
    static func differences(from old: ScheduleSpec, to new: ScheduleSpec) -> [String] {
        let (before, after) = (members(old), members(new))
        return Set(before.keys).union(after.keys).sorted().filter { before[$0] != after[$0] }.map { name in
            "\(name) \(shown(after[name])) instead of \(shown(before[name]))"
        }
    }

    /// What counts, with what holds where nothing is said. That a flow's file made it is not in a crontab.
    private static func members(_ spec: ScheduleSpec) -> [String: JSON] {
        var spec = spec
        spec.isTrigger = nil
        spec.cron = spec.cron.map(PlainCron.fields)
        (spec.timeZone, spec.overlap, spec.catchUp) = (spec.timeZone ?? "UTC", spec.overlap ?? .skip, spec.catchUp ?? .last)
        if spec.jitterSeconds == 0 { spec.jitterSeconds = nil }
        var members = (try? JSON(encoding: spec))?.objectValue ?? [:]
        for list in ["calendars", "blackouts", "labels", "inputs"] where members[list]?.isEmptyCollection == true { members[list] = nil }
        for (name, value) in members.removeValue(forKey: "inputs")?.objectValue ?? [:] { members["-p \(name)"] = value }
        return members
    }

    private static func shown(_ value: JSON?) -> String { value.map { $0.canonical.clipped(to: 80) } ?? "none" }

    /// An error as the end of a sentence about a line.
    private static func words(_ error: FlowError) -> String {
        let details = error.errors.map { "\($0.subject): \($0.message)" }.joined(separator: "; ")
        return withoutStart(error.message) + (details.isEmpty ? "" : " (\(details))")
    }

    /// That nothing was done is said once, at the end.
    private static func withoutStart(_ message: String) -> String {
        for start in ["Nothing was started: ", "Nothing was added: ", "Nothing was done: "] where message.hasPrefix(start) {
            return String(message.dropFirst(start.count))
        }
        return message
    }
}

extension JSON {
    fileprivate var isEmptyCollection: Bool { arrayValue?.isEmpty ?? objectValue?.isEmpty ?? false }
}
