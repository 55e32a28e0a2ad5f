import FlowModel
import FlowWire

/// Schedules and hooks that start nothing as things are, for `doctor`.
enum StartFindings {
    static func all(_ schedules: ScheduleBook, _ hooks: HookBook) async throws -> [Wire.Finding] {
        let faults = try await schedules.faults(ofFlow: nil) + hooks.faults(ofFlow: nil)
        guard !faults.isEmpty else {
            return [Wire.Finding(name: "schedules", level: .ok, message: "schedules and hooks can start their flows, and their owners may")]
        }
        let more = faults.count > Limits.plannedShown ? " (one of \(faults.count))" : ""
        return faults.prefix(Limits.plannedShown).map { fault in
            Wire.Finding(
                name: "schedules", level: .warn, message: "\(fault.subject): \(fault.message)\(more)",
                hint: "Somebody who may takes it over, or changes it: flowctl schedule add NAME FLOW, or: flowctl hook add NAME FLOW; "
                    + "a flow that is gone is registered again: flowctl flow add FILE.")
        }
    }
}
