/// Everything a worker needs to carry one attempt out, or to ask about one that was handed out before.
package struct AttemptOrder: Hashable, Sendable {
    package var id: AttemptID
    package var fence: Fence
    /// Constant over the attempts of one generation: `run/step/target/generation`.
    package var idempotencyKey: String
    package var flow: String
    /// Where it runs; nil means here.
    package var target: Host?
    package var timeoutSeconds: Double?
    /// The newest attempt of the step that may have been sent before, as far as the journal knows; nil: not told. A host that knows of a later
    /// one has a past that the journal has lost, and starts nothing.
    package var lastSent: Int?
    package var mode: Mode
    package var work: any WorkOrder {
        get { held.order }
        set { held = Held(order: newValue) }
    }
    private var held: Held
    /// What decides whose turn it is when there is more work than places.
    package var priority: Int
    package var labels: [String: String]
    /// Every secret that the run was ever given, sealed (base64): none of them is shown, whether the work has it or not.
    package var secrets: Set<String>

    package init(
        id: AttemptID, fence: Fence, idempotencyKey: String, flow: String, target: Host?, timeoutSeconds: Double?,
        lastSent: Int? = nil, mode: Mode, work: any WorkOrder, priority: Int = Priority.usual, labels: [String: String] = [:],
        secrets: Set<String> = []
    ) {
        self.secrets = secrets
        self.priority = priority
        self.labels = labels
        self.id = id
        self.fence = fence
        self.idempotencyKey = idempotencyKey
        self.flow = flow
        self.target = target
        self.timeoutSeconds = timeoutSeconds
        self.lastSent = lastSent
        self.mode = mode
        held = Held(order: work)
    }

    /// How far the attempt has come.
    package enum Mode: Hashable, Sendable {
        /// Find the place, report `placed`, and start once the engine has answered `proceed`.
        case start
        /// It may have been started: ask the host, then follow it or take its result.
        case attach(Place)
    }

    /// Work of whatever kind, so that orders can be compared.
    private struct Held: Hashable, Sendable {
        var order: any WorkOrder

        static func == (one: Held, other: Held) -> Bool { one.order.isEqual(to: other.order) }
        func hash(into hasher: inout Hasher) { order.hash(into: &hasher) }
    }
}

/// Names one attempt of one step.
package struct AttemptID: Hashable, Sendable, CustomStringConvertible {
    package var run: RunID
    package var step: StepPath
    package var generation: Int
    /// Counted through all generations of the step, from 1.
    package var number: Int

    package init(run: RunID, step: StepPath, generation: Int, number: Int) {
        self.run = run
        self.step = step
        self.generation = generation
        self.number = number
    }

    package var description: String { "\(run)/\(step)#\(number)" }
}

/// Where a step stands in a run: `deploy[web-1]/switch`.
package struct StepPath: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(from decoder: any Decoder) throws { text = try decoder.singleValueContainer().decode(String.self) }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    package var description: String { text }
    package static func < (one: StepPath, other: StepPath) -> Bool { one.text < other.text }
}

/// The identity of the place where an attempt runs: while both ids stay, the host's records can be believed.
package struct Place: Hashable, Sendable, Codable {
    package var bootID: String
    package var spoolID: String

    package init(bootID: String, spoolID: String) {
        self.bootID = bootID
        self.spoolID = spoolID
    }

    /// No host's: what was placed before the database was restored. It may have ended and been removed after the backup, so that a host
    /// that knows nothing of it proves nothing.
    package static let beforeRestore = Place(bootID: "before-restore", spoolID: "before-restore")
}
