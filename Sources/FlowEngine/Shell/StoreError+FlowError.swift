package import FlowModel

extension FlowError {
    /// What the outside is told of a store's error: nothing was kept, so nothing was acknowledged.
    package static func storage(_ error: any Error, subject: String) -> FlowError {
        switch error as? StoreError {
        case .refused(let message):
            FlowError(
                .storage, subject: subject, "Nothing was changed, because the journal cannot be written: \(message).",
                hint: "flowctl doctor")
        case .corrupt(let message):
            FlowError(
                .database, subject: subject, "Nothing was changed, because the journal is damaged: \(message).",
                hint: "flowctl doctor")
        case .fatal(let message):
            FlowError(.storage, subject: subject, "Nothing was changed, and the engine ends: \(message).")
        case nil: FlowError(.internal, subject: subject, "Nothing was changed: \(error).")
        }
    }
}
