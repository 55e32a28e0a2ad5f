internal import FlowModel

/// The inputs that schedules and hooks keep. Those of secret parameters lie sealed in the database, are shown to nobody, and are opened where a
/// run is prepared: there they are sealed anew for the run.
package struct StoredInputs: Sendable {
    /// The secret parameters of a registered flow, as it is now; nil when there is no such flow.
    package let secrets: @Sendable (_ flow: String) async throws -> Set<String>?
    package let seal: @Sendable (String) throws -> String
    package let open: @Sendable (String) throws -> String

    package init(
        secrets: @escaping @Sendable (_ flow: String) async throws -> Set<String>?, seal: @escaping @Sendable (String) throws -> String,
        open: @escaping @Sendable (String) throws -> String
    ) {
        self.secrets = secrets
        self.seal = seal
        self.open = open
    }

    /// The inputs as they are to be kept for a schedule or hook, which `subject` names. Refuses what an answer showed in place of a secret.
    func sealed(_ inputs: [String: JSON]?, of flow: String, for subject: String) async throws -> [String: JSON]? {
        guard let inputs, !inputs.isEmpty, let names = try await secrets(flow) else { return inputs }
        for name in names.sorted() where inputs[name] == .string(SealedText.shown) {
            throw FlowError(
                .inputs, subject: subject, "\(subject) was not taken: its inputs are not acceptable.",
                hint: "Give the secret anew: --inputs FILE.json with {\"\(name)\": \"VALUE\"}",
                errors: [
                    .init(subject: name, message: "is secret, and '\(SealedText.shown)' is what answers show in its place, not its value")
                ])
        }
        return try sealing(names)(inputs) ?? inputs
    }

    /// Seals the values of these parameters; gives nil when there is nothing to seal.
    func sealing(_ names: Set<String>) -> @Sendable ([String: JSON]) throws -> [String: JSON]? {
        { [seal] inputs in
            var sealed = inputs
            for name in names {
                if let value = inputs[name] { sealed[name] = try StoredInputs.sealed(value, seal) }
            }
            return sealed == inputs ? nil : sealed
        }
    }

    /// Secrets are texts. Plans of earlier versions may have others: these are kept as the text that means the same.
    private static func sealed(_ value: JSON, _ seal: (String) throws -> String) throws -> JSON {
        switch value {
        case .string(let text) where SealedText.isPresent(in: text): value
        case .string(let text): .string(SealedText.marker(try seal(text)))
        case .null: value
        default: .string(SealedText.marker(try seal(value.text)))
        }
    }

    /// The inputs as they were given. For those that were kept only: what a request brings is never opened. Refuses where a value was given as a
    /// secret and its parameter is none any more: everybody could see it in the run. As they were kept where there is no such flow: nothing of it starts.
    func opened(_ inputs: [String: JSON]?, of flow: String) async throws -> [String: JSON]? {
        guard let inputs, inputs.values.contains(where: { SealedText.redacted($0) != $0 }), let names = try await secrets(flow) else { return inputs }
        for name in inputs.keys.sorted() where !names.contains(name) && inputs[name].map({ SealedText.redacted($0) != $0 }) == true {
            throw FlowError(
                .inputs, subject: flow,
                "Nothing was started: input '\(name)' was given as a secret, and flow '\(flow)' has no secret parameter of this name any more.",
                hint: "Give the inputs anew: flowctl schedule add NAME FLOW -p NAME=VALUE, or: flowctl hook add NAME FLOW -p NAME=VALUE")
        }
        return try inputs.mapValues { try opened($0) }
    }

    private func opened(_ value: JSON) throws -> JSON {
        switch value {
        case .string(let text): .string(try SealedText.replacing(in: text) { try open($0) })
        case .array(let elements): .array(try elements.map { try opened($0) })
        default: value
        }
    }

    /// As people may see them.
    static func shown(_ inputs: [String: JSON]?) -> [String: JSON]? { inputs?.mapValues(SealedText.redacted) }

    /// Detail of an entry about a spec, which may be older than the sealing of inputs.
    func shown(_ detail: JSON) async -> JSON {
        guard case .object(var members) = detail, let flow = members["flow"]?.stringValue, let inputs = members["inputs"]?.objectValue else {
            return detail
        }
        // Of a flow that nobody knows any more every input may be one.
        let names = (try? await secrets(flow)) ?? Set(inputs.keys)
        members["inputs"] = .object(
            Dictionary(uniqueKeysWithValues: inputs.map { ($0.key, names.contains($0.key) ? .string(SealedText.shown) : $0.value) }))
        return .object(members)
    }
}
