internal import FlowModel

/// What starts a flow by itself. Takes effect when the flow is registered: `flowctl flow add FILE`.
///
///     static let triggers: [Trigger] = [
///         .cron("0 3 * * 1-5", timeZone: "Asia/Shanghai", inputs: ["version": "1.4.2"]),
///         .alarm("07:30 Sat,Sun", named: "weekend"),
///     ]
public struct Trigger: Sendable {
    /// What becomes of times that passed while nothing could start them.
    public enum CatchUp: String, Sendable { case none, last, all }
    /// What becomes of a time that comes while a run of the trigger goes on.
    public enum Overlap: String, Sendable { case allow, queue, skip, replace }

    private let name: String?
    private var schedule: ScheduleSpec

    /// - Parameters:
    ///   - expression: five fields, or `@daily` and its kind.
    ///   - named: the end of its schedule's name; its number among the triggers unless given.
    public static func cron(
        _ expression: String, named: String? = nil, timeZone: String = "UTC", inputs: [String: TriggerInput] = [:], calendars: [String] = [],
        jitterSeconds: Int = 0, overlap: Overlap = .skip, catchUp: CatchUp = .last
    ) -> Trigger {
        var trigger = Trigger(named, timeZone, inputs, overlap, catchUp)
        trigger.schedule.cron = expression
        trigger.schedule.calendars = calendars.isEmpty ? nil : calendars
        trigger.schedule.jitterSeconds = jitterSeconds == 0 ? nil : jitterSeconds
        return trigger
    }

    /// Once: `2026-03-29 14:30`.
    public static func at(
        _ time: String, named: String? = nil, timeZone: String = "UTC", inputs: [String: TriggerInput] = [:], catchUp: CatchUp = .last
    ) -> Trigger {
        var trigger = Trigger(named, timeZone, inputs, .skip, catchUp)
        trigger.schedule.at = time
        return trigger
    }

    /// Times on weekdays: `07:30,19:00 Mon-Fri`.
    public static func alarm(
        _ times: String, named: String? = nil, timeZone: String = "UTC", inputs: [String: TriggerInput] = [:], calendars: [String] = [],
        overlap: Overlap = .skip, catchUp: CatchUp = .last
    ) -> Trigger {
        var trigger = Trigger(named, timeZone, inputs, overlap, catchUp)
        trigger.schedule.alarm = times
        trigger.schedule.calendars = calendars.isEmpty ? nil : calendars
        return trigger
    }

    private init(_ name: String?, _ timeZone: String, _ inputs: [String: TriggerInput], _ overlap: Overlap, _ catchUp: CatchUp) {
        self.name = name
        schedule = ScheduleSpec(flow: "")
        schedule.timeZone = timeZone == "UTC" ? nil : timeZone
        schedule.inputs = inputs.isEmpty ? nil : inputs.mapValues(\.value)
        schedule.overlap = overlap == .skip ? nil : ScheduleSpec.Overlap(rawValue: overlap.rawValue)
        schedule.catchUp = catchUp == .last ? nil : ScheduleSpec.CatchUp(rawValue: catchUp.rawValue)
        schedule.isTrigger = true
    }

    /// - Parameter number: its place among the flow's triggers, from 1.
    func spec(of flow: String, number: Int) -> TriggerSpec {
        var schedule = schedule
        schedule.flow = flow
        return TriggerSpec(name: name ?? "\(number)", schedule: schedule)
    }
}

/// An input that a trigger gives: a text, number, truth or list, written as it is.
public struct TriggerInput: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
    let value: JSON

    public init(stringLiteral value: String) { self.value = .string(value) }
    public init(integerLiteral value: Int) { self.value = .int(value) }
    public init(floatLiteral value: Double) { self.value = .double(value) }
    public init(booleanLiteral value: Bool) { self.value = .bool(value) }
    public init(arrayLiteral elements: TriggerInput...) { value = .array(elements.map(\.value)) }
}
