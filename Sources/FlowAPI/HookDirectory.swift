package import FlowModel
package import FlowWire

/// What starts runs from outside.
package protocol HookDirectory: Sendable {
    /// Those behind `name`, by name: some of them at least, or none when there are no more.
    func hooks(after name: String?, limit: Int) async throws -> [Wire.Hook]
    /// Adds the hook or changes it. A new one has its secret in the answer, and so has one whose secret is to be another.
    func put(_ name: String, _ spec: HookSpec, newSecret: Bool, by actor: Actor) async throws -> Wire.Hook
    /// Seals what is secret in the inputs of the flow's hooks, as the flow is now.
    func seal(inputsOf flow: String, by actor: Actor) async throws
    func remove(hook name: String, by actor: Actor) async throws
    /// Starts the run of a delivery, once. Refused without saying more: unknown hooks and wrong signatures.
    func deliver(_ delivery: HookDelivery, to name: String) async throws -> Wire.Delivered
    /// What keeps hooks from starting anything as things are; of one flow, or of all.
    func faults(ofFlow flow: String?) async throws -> [FlowError.Detail]
    /// Newest first; what started nothing, too, with why, the newest of each hook.
    func deliveries(of name: String, limit: Int) async throws -> [Wire.Occurrence]
}

/// A request to a hook as it came in.
package struct HookDelivery: Sendable {
    /// `webhook-id`.
    package var id: String
    /// `webhook-timestamp`: seconds since 1970.
    package var timestamp: String
    /// `webhook-signature`: `v1,BASE64`, several with spaces between them.
    package var signatures: String
    package var body: [UInt8]

    package init(id: String, timestamp: String, signatures: String, body: [UInt8]) {
        self.id = id
        self.timestamp = timestamp
        self.signatures = signatures
        self.body = body
    }
}
