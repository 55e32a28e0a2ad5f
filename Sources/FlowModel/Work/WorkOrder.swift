/// What a worker is told to do: a kind of work with the values of one attempt. Texts may hold sealed secrets (`SealedText`); the worker opens them
/// last.
package protocol WorkOrder: Hashable, Sendable {
    /// Once it has begun it costs next to nothing: its place is another's.
    var onlyWaits: Bool { get }
    /// Whom on the network it asks, beside the host that it runs on: a name or address; nil: nobody.
    var peer: String? { get }
    /// The same with every text changed that may hold a secret.
    func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> Self
}

extension WorkOrder {
    package var onlyWaits: Bool { false }
    package var peer: String? { nil }
    package func isEqual(to other: any WorkOrder) -> Bool { (other as? Self) == self }
}
