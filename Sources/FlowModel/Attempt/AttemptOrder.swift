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
    package var work: Work
    /// What decides whose turn it is when there is more work than places.
    package var priority: Int
    package var labels: [String: String]
    /// Every secret that the run was ever given, sealed (base64): none of them is shown, whether the work has it or not.
    package var secrets: Set<String>

    package init(
        id: AttemptID, fence: Fence, idempotencyKey: String, flow: String, target: Host?, timeoutSeconds: Double?,
        lastSent: Int? = nil, mode: Mode, work: Work, priority: Int = Priority.usual, labels: [String: String] = [:],
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
        self.work = work
    }

    /// How far the attempt has come.
    package enum Mode: Hashable, Sendable {
        /// Find the place, report `placed`, and start once the engine has answered `proceed`.
        case start
        /// It may have been started: ask the host, then follow it or take its result.
        case attach(Place)
    }

    package enum Work: Hashable, Sendable {
        case shell(ShellWork)
        case copy(CopyWork)
        case step(StepWork)
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

/// A command or script. Texts may hold sealed secrets (`SealedText`); the worker opens them last.
package struct ShellWork: Hashable, Sendable {
    package struct Variable: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var interpreter: ShellSpec.Interpreter
    package var source: ShellSpec.Source
    package var variables: [Variable]
    package var arguments: [String]
    package var environment: [String: String]
    package var workdir: String?
    package var account: String?
    /// The shape of what it writes to `$FLOW_OUTPUT`, if declared.
    package var output: TypeShape?

    package init(
        interpreter: ShellSpec.Interpreter, source: ShellSpec.Source, variables: [Variable] = [], arguments: [String] = [],
        environment: [String: String] = [:], workdir: String? = nil, account: String? = nil, output: TypeShape? = nil
    ) {
        self.output = output
        self.interpreter = interpreter
        self.source = source
        self.variables = variables
        self.arguments = arguments
        self.environment = environment
        self.workdir = workdir
        self.account = account
    }
}

package struct CopyWork: Hashable, Sendable {
    package var from: String
    package var to: String
    package var account: String?
    package var mode: String?

    package init(from: String, to: String, account: String? = nil, mode: String? = nil) {
        self.from = from
        self.to = to
        self.account = account
        self.mode = mode
    }
}

package struct StepWork: Hashable, Sendable {
    /// The node's id in the flow binary.
    package var node: String
    /// Digest of the flow binary.
    package var binary: Digest
    package var inputs: [JSON]

    package init(node: String, binary: Digest, inputs: [JSON]) {
        self.node = node
        self.binary = binary
        self.inputs = inputs
    }
}
