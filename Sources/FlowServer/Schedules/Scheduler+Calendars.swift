import FlowModel

extension Scheduler {
    /// Works out anew what goes by calendars whose files have changed since the last look. A schedule whose calendar cannot be read any more
    /// stands still, and that is told; when the file is back it goes on from where it stood.
    ///
    /// - Parameter names: more calendars to read, for a schedule that is to be kept.
    func lookAtCalendars(and names: [String] = []) async throws {
        let all = calendarsInUse().union(names)
        guard !all.isEmpty else { return }
        let changed = try await onThreadPool { [zones] in zones.look(at: all) }
        guard !changed.isEmpty else { return }
        var isFaultNew = false
        for (name, entry) in entries where !changed.isDisjoint(with: entry.row.spec.calendars ?? []) {
            take(entry.row)
            entries[name]?.recorded = entry.recorded
            if entries[name]?.fault?.message != entry.fault?.message { isFaultNew = true }
        }
        if isFaultNew { await faultsChanged?() }
    }

    /// Does `body` when schedules have begun to stand still, or to go on, without anybody having changed one.
    package func listen(_ body: @escaping @Sendable () async -> Void) { faultsChanged = body }

    private func calendarsInUse() -> Set<String> {
        let names = usedCalendars ?? Set(entries.values.flatMap { $0.row.spec.calendars ?? [] })
        usedCalendars = names
        return names
    }
}
