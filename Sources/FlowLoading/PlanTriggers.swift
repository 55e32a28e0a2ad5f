import FlowModel
import FlowSchedules

/// Checks of what starts a flow by itself. Zones and calendars are the engine's, and are looked at when the flow is registered.
enum PlanTriggers {
    static func faults(in plan: Plan) -> [FlowError.Detail] {
        let triggers = plan.triggers ?? []
        var faults: [FlowError.Detail] = []
        if triggers.count > Limits.triggers {
            faults.append(.init(subject: plan.flow, message: "has \(triggers.count) triggers; at most \(Limits.triggers) are allowed"))
        }
        var names: Set<String> = []
        for trigger in triggers.prefix(Limits.triggers) {
            var messages = self.faults(of: trigger, in: plan)
            if !names.insert(trigger.name).inserted { messages.append("there is another trigger of this name") }
            faults += messages.map { FlowError.Detail(subject: "trigger '\(trigger.name)'", message: $0) }
        }
        return faults
    }

    private static func faults(of trigger: TriggerSpec, in plan: Plan) -> [String] {
        var faults: [String] = []
        let isPlain = trigger.name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || [0x2D, 0x5F].contains($0) }
        if !isPlain || !(1...40).contains(trigger.name.utf8.count) { faults.append("its name must be 1-40 of a-z, 0-9, '-' and '_'") }
        let schedule = trigger.schedule
        if schedule.flow != plan.flow { faults.append("it starts flow '\(schedule.flow)', not this one") }
        if schedule.isTrigger != true { faults.append("its schedule must say \"isTrigger\": true") }
        do throws(FlowError) {
            _ = try ScheduleRule(
                id: trigger.name, spec: schedule, zone: { _ in .utc },
                calendar: { name throws(FlowError) in try DateCalendar(name: name, text: "") })
        } catch {
            faults.append(error.message)
        }
        for parameter in plan.parameters where parameter.isSecret && schedule.inputs?[parameter.name] != nil {
            faults.append("it gives the secret '\(parameter.name)', which everyone who sees the flow could read")
        }
        do throws(FlowError) {
            _ = try InputValidation.resolve(plan.parameters, given: schedule.inputs ?? [:])
        } catch {
            faults += error.errors.map { "its input '\($0.subject)' \($0.message)" }
        }
        return faults
    }
}
