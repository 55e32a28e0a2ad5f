/// What starts a flow by itself, as the flow's file says it. Its schedule is called `FLOW.NAME`.
package struct TriggerSpec: Hashable, Sendable, Codable {
    package var name: String
    package var schedule: ScheduleSpec

    package init(name: String, schedule: ScheduleSpec) {
        self.name = name
        self.schedule = schedule
    }
}
