package import FlowModel
package import FlowWire

extension ScheduleBook {
    /// All are looked at before any is kept, and all are kept in one transaction.
    package func put(_ request: Wire.ScheduleImport, by actor: Actor) async throws -> [Wire.Schedule] {
        var faults: [FlowError.Detail] = []
        var names: Set<String> = []
        for item in request.items {
            if !names.insert(item.name).inserted { faults.append(.init(subject: item.name, message: "stands twice in the request")) }
            do {
                try await check(item.name, item.spec)
            } catch let error as FlowError {
                faults.append(.init(subject: item.name, message: error.inOneLine))
            }
        }
        guard faults.isEmpty else {
            let count = Set(faults.map(\.subject)).count
            throw FlowError(
                .usage, subject: "items",
                "Nothing was added: \(count) of \(request.items.count) schedules \(count == 1 ? "is" : "are") not acceptable.", errors: faults)
        }
        let revisions = Dictionary(request.items.compactMap { item in item.revision.map { (item.name, $0) } }, uniquingKeysWith: { $1 })
        if request.dryRun == true {
            try await requireUnchanged(revisions)
            return []
        }
        return try await keep(request.items.map { ($0.name, $0.spec) }, replacing: revisions, by: actor)
    }
}
