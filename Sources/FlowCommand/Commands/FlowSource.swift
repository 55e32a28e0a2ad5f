import FlowModel
import FlowWire

/// What FILE|NAME leads to.
enum FlowSource: Sendable {
    case file(LoadedFile, inputs: [String: JSON])
    case registered(String, InputOptions)

    /// Contains `/` or ends in `.swift` or `.json`: a file (contracts §1).
    static func isFile(_ text: String) -> Bool { text.contains("/") || text.hasSuffix(".swift") || text.hasSuffix(".json") }

    /// Loads the file and checks the inputs before anything is opened: what is not acceptable starts nothing.
    static func find(_ text: String, _ inputs: InputOptions) async throws -> FlowSource {
        guard isFile(text) else { return .registered(text, inputs) }
        let loaded = try await Surroundings.here.load(text)
        return .file(loaded, inputs: try await inputs.values(for: loaded.plan.parameters))
    }

    /// The request to run or plan it, with everything uploaded that the server needs.
    func start(_ session: Session) async throws -> Wire.Start {
        var start = Wire.Start()
        switch self {
        case .registered(let name, let inputs):
            let flow = try await session.client.fetch(Wire.Flow.self, "GET", "/v1/flows/\(percentEncoded(name))")
            start.flow = name
            start.inputs = try await inputs.values(for: flow.parameters)
        case .file(let loaded, let inputs):
            start.inputs = inputs
            let stored = try await FlowSource.store(loaded, session.client)
            start.plan = stored.plan
            start.planDigest = stored.planDigest
            start.binary = stored.binary
        }
        return start
    }

    /// Uploads binary and scripts that the server lacks, and a plan that is too large for a request.
    static func store(_ loaded: LoadedFile, _ client: FlowClient) async throws -> Wire.Register {
        for (digest, bytes) in loaded.assets.sorted(by: { $0.key < $1.key }) { try await client.upload(digest, .bytes(bytes)) }
        if let binary = loaded.binary { try await client.upload(binary.digest, .file(binary.path)) }
        var register = Wire.Register(binary: loaded.binary?.digest)
        let plan = try body(loaded.plan)
        let bytes = plan.canonicalBytes
        if bytes.count <= CommandLimits.inlinePlanBytes, plan.depth <= CommandLimits.inlinePlanDepth {
            register.plan = loaded.plan
        } else {
            let digest = Surroundings.here.files.sha256(bytes)
            try await client.upload(digest, .bytes(bytes))
            register.planDigest = digest
        }
        return register
    }
}

extension JSON {
    /// Levels of nesting.
    var depth: Int {
        switch self {
        case .array(let elements): 1 + (elements.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.values.map(\.depth).max() ?? 0)
        default: 0
        }
    }
}
