package import FlowModel
package import FlowWire

/// The schedules and what became of their times.
package protocol ScheduleDirectory: Sendable {
    /// Those behind `name`, by name.
    func schedules(after name: String?, limit: Int) async throws -> [Wire.Schedule]
    /// The names of all, in order.
    func names() async throws -> [String]
    /// nil when there is none of this name.
    func schedule(_ name: String) async throws -> Wire.Schedule?
    /// Adds the schedule or gives it a new revision; refuses what could never start.
    func put(_ name: String, _ spec: ScheduleSpec, by actor: Actor) async throws -> Wire.Schedule
    /// The same for several: all of them, or none when one is refused; then with what is wrong with each, by its name.
    func put(_ schedules: Wire.ScheduleImport, by actor: Actor) async throws -> [Wire.Schedule]
    /// Makes the schedules of a flow's triggers what they are to be: adds, changes and removes.
    func adopt(_ triggers: [TriggerSpec], of flow: String, by actor: Actor) async throws
    /// Seals what is secret in the inputs of the flow's schedules, as the flow is now.
    func seal(inputsOf flow: String, by actor: Actor) async throws
    func remove(schedule name: String, by actor: Actor) async throws
    func pause(_ name: String, _ request: Wire.SchedulePause, by actor: Actor) async throws -> Wire.Schedule
    func resume(_ name: String, by actor: Actor) async throws -> Wire.Schedule
    /// The next times, with the reason of those that would be skipped.
    func next(_ name: String, limit: Int) async throws -> [Wire.Occurrence]
    /// Records, newest first; those that led to no run when `isMissed`.
    func occurrences(of name: String, isMissed: Bool, before: Instant?, limit: Int) async throws -> [Wire.Occurrence]
    /// Runs times that led to no run, each by the schedule's revision of that time. Gives their records.
    func backfill(_ name: String, _ request: Wire.Backfill, by actor: Actor) async throws -> [Wire.Occurrence]
    /// What keeps schedules from starting anything as things are; of one flow, or of all.
    func faults(ofFlow flow: String?) async throws -> [FlowError.Detail]
    /// A run outside the schedule's times.
    func runNow(_ name: String, by actor: Actor) async throws -> RunID
}
