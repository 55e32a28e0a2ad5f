/// What a worker is told to do: a kind of work with the values of one attempt. Texts may hold sealed secrets (`SealedText`); the worker opens them
/// last.
package protocol WorkOrder: Hashable, Sendable {
    /// The same with every text changed that may hold a secret.
    func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> Self
}

extension WorkOrder {
    package func isEqual(to other: any WorkOrder) -> Bool { (other as? Self) == self }
}
