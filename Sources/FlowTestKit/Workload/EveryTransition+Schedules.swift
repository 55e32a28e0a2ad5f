package import FlowModel

extension EveryTransition {
    /// The nominal times that the story records.
    package static let nominalTimes = (1...6).map { row($0).key }

    /// Six times of a schedule: one that runs, one that is skipped meanwhile, one that waits for its turn and gets it, a holiday, one that
    /// replaces the run before it, which the engine has not in memory, and one that still waits at the end.
    mutating func schedules() async throws {
        let first = try await record(1, .skip)
        _ = try await record(2, .skip)
        _ = try await record(3, .queue)
        _ = try await driver.record([OccurrenceRequest(row: Self.row(4, skipped: .holiday), actor: Self.alice)])
        if let run = first.run { try await openGate(of: run) }
        _ = try await record(3, .queue)
        try await restart()
        let last = try await record(5, .replace)
        _ = try await record(6, .queue)
        if let run = last.run { try await openGate(of: run) }
    }

    private func openGate(of run: RunID) async throws {
        try await driver.vote(.approved, on: "go", run, by: Self.carol, message: "on time")
    }

    private func record(_ minute: Int, _ overlap: ScheduleSpec.Overlap) async throws -> OccurrenceRow {
        let start = Self.request("nightly", [Self.gate("go", [.anyone(count: 1)])])
        let rows = try await driver.record([OccurrenceRequest(row: Self.row(minute), start: start, actor: Self.alice, overlap: overlap)])
        guard let row = rows.first else { throw StoreConformance.Failure(description: "minute \(minute) has no record") }
        return row
    }

    private static func row(_ minute: Int, skipped: SkipReason? = nil) -> OccurrenceRow {
        OccurrenceRow(
            schedule: "nightly", nominal: "minute \(minute)", at: Instant(milliseconds: Int64(minute) * 60_000), wall: minute, revision: 1,
            state: skipped == nil ? .run : .skipped, reason: skipped, recordedAt: Instant(milliseconds: 0))
    }
}
