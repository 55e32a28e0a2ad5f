package import FlowModel
package import FlowWire

extension ScheduleBook {
    /// All are looked at before the first is kept.
    package func put(_ request: Wire.ScheduleImport, by actor: Actor) async throws -> [Wire.Schedule] {
        var faults: [FlowError.Detail] = []
        var names: Set<String> = []
        for item in request.items {
            if !names.insert(item.name).inserted { faults.append(.init(subject: item.name, message: "stands twice in the request")) }
            do {
                try await check(item.name, item.spec)
            } catch let error as FlowError {
                let details = error.errors.map { "\($0.subject) \($0.message)" }.joined(separator: "; ")
                faults.append(.init(subject: item.name, message: error.message + (details.isEmpty ? "" : " (\(details))")))
            }
        }
        guard faults.isEmpty else {
            let count = Set(faults.map(\.subject)).count
            throw FlowError(
                .usage, subject: "items",
                "Nothing was added: \(count) of \(request.items.count) schedules \(count == 1 ? "is" : "are") not acceptable.", errors: faults)
        }
        if request.dryRun == true { return [] }
        var kept: [Wire.Schedule] = []
        for item in request.items { kept.append(try await keep(item.name, item.spec, by: actor)) }
        return kept
    }
}
