internal import FlowModel
internal import Synchronization

/// Takes down what a flow's body says, in order: the nodes of the plan, the closures of its Swift steps, and every mistake.
///
/// One is current while a body is evaluated, and only then. Mistakes are collected, never thrown: an author sees all at once.
final class Recorder: Sendable {
    @TaskLocal static var current: Recorder?

    typealias Work = @Sendable (StepContext, StepInputs) async throws -> JSON

    /// What verbs hand over about a step.
    struct Entry {
        var name: String
        var kind: Node.Kind
        var policy = Policy()
        var output: TypeShape?
        var after: [any StepHandle] = []
        var work: Work?
        var isHidden = false
        var site: Site
    }

    struct State {
        var nodes: [Node] = []
        /// Where each node stands, by id.
        var places: [String: Place] = [:]
        var frames: [Frame] = [Frame(number: 0)]
        var framesMade = 1
        /// What the next `finally` follows.
        var finallyExits: [String] = []
        /// The last step of each map's body: the element's value.
        var ends: [String: String] = [:]
        /// How steps come to hand nothing out while their run goes on.
        var absences: [String: String] = [:]
        var works: [String: Work] = [:]
        var calls: [CalledFlow] = []
        /// The Swift steps of flows that are called, by flow.
        var worksOfCalls: [String: [String: Work]] = [:]
        var assets: [Asset] = []
        var diagnostics: [FlowError.Detail] = []
        /// Mistakes whose place is not known yet: that of the next step, whose arguments they stand in.
        var unplaced: [FlowError.Detail] = []
        var hasTooMany = false
    }

    /// A scope while it is open: the flow, its `finally`, the body of a map, or a part of a rollout.
    struct Frame {
        let number: Int
        var map: String?
        var part = Node.Part.body
        var isHostMap = false
        var isFinally = false
        var guards: [BranchGuard] = []
        var blocks: [Block] = [.sequence([])]
        var choices = 0
        var lastNode: String?
    }

    /// How statements follow one another: each after the one before, or all after the same.
    enum Block {
        case sequence([String])
        case parallel(entry: [String], exits: [String])
    }

    struct Place {
        var index: Int
        var frame: Int
        var isFinally: Bool
        var guards: [BranchGuard]
        var site: Site
    }

    let parameters: Set<String>
    /// The flow, and before it those that it is called from.
    let path: [String]
    private let state = Mutex(State())

    init(parameters: Set<String>, path: [String]) {
        self.parameters = parameters
        self.path = path
    }

    /// What was taken down.
    var result: State {
        state.withLock { state in
            state.place(at: nil)
            return state
        }
    }

    func change<Result>(_ body: (inout sending State) -> sending Result) -> sending Result { state.withLock(body) }

    /// Notes a mistake, where a body is evaluated or a step runs. Where no `site` can be had (key paths, parameters), it gets
    /// that of the step it stands in.
    static func complain(_ subject: String, _ message: String, _ site: Site?) {
        if let current {
            let detail = FlowError.Detail(subject: subject, message: message, location: site?.location.description)
            current.change { site == nil ? $0.unplaced.append(detail) : $0.report(detail) }
        } else if let step = RunningStep.current {
            step.note(message)
        }
    }

    /// Takes a step down and gives its id. A verb outside of a body is a mistake of its own.
    @discardableResult
    static func add(_ verb: String, _ entry: Entry) -> String {
        guard let current else {
            let message =
                "\(verb) '\(entry.name)' was called outside of a flow's body; verbs describe steps, they do not run them"
            guard let step = RunningStep.current else { preconditionFailure("\(entry.site.location): \(message)") }
            step.note(message)
            return entry.name
        }
        current.change { $0.place(at: entry.site) }
        var faults: [(String, Site)] = []
        let id = current.state.withLock { $0.add(entry, parameters: current.parameters, faults: &faults) }
        for (message, site) in faults { complain(entry.name, message, site) }
        return id
    }
}

extension Recorder.State {
    var frame: Recorder.Frame {
        get { frames[frames.count - 1] }
        set { frames[frames.count - 1] = newValue }
    }

    /// A mistake inside a Swift loop is one mistake.
    mutating func report(_ detail: FlowError.Detail) {
        if diagnostics.count < 1_000, !diagnostics.contains(detail) { diagnostics.append(detail) }
    }

    mutating func place(at site: Site?) {
        for var detail in unplaced {
            detail.location = site?.location.description
            report(detail)
        }
        unplaced = []
    }

    /// What the next statement needs.
    var entry: [String] {
        switch frame.blocks.last {
        case .sequence(let exits)?: exits
        case .parallel(let entry, _)?: entry
        case nil: []
        }
    }

    /// A statement is over; what follows it needs `exits`.
    mutating func advance(to exits: [String]) {
        guard let block = frame.blocks.popLast() else { return }
        switch block {
        case .sequence: frame.blocks.append(.sequence(exits))
        case .parallel(let entry, let others): frame.blocks.append(.parallel(entry: entry, exits: others + exits))
        }
    }

    fileprivate mutating func add(
        _ entry: Recorder.Entry, parameters: Set<String>, faults: inout [(String, Site)]
    ) -> String {
        let id = frame.map.map { "\($0)/\(frame.part.prefix)\(entry.name)" } ?? entry.name
        if let fault = nameFault(entry, id) {
            faults.append((fault, entry.site))
            return id
        }
        guard nodes.count < Limits.planNodes else {
            if !hasTooMany { faults.append(("a flow has at most \(Limits.planNodes) steps", entry.site)) }
            hasTooMany = true
            return id
        }
        var needs = self.entry
        let others = (entry.policy.probe?.command.expressions ?? []) + (entry.policy.claims ?? []).map(\.name)
        for expression in entry.kind.expressions + others {
            for fault in use(expression, needs: &needs, parameters) { faults.append((fault, entry.site)) }
        }
        for handle in entry.after {
            for fault in follow(handle.node, needs: &needs) { faults.append((fault, entry.site)) }
        }
        places[id] = Recorder.Place(
            index: nodes.count, frame: frame.number, isFinally: frame.isFinally, guards: frame.guards, site: entry.site)
        nodes.append(
            Node(
                id: id, name: entry.name, scope: frame.map, part: frame.part, isFinally: frame.isFinally, kind: entry.kind, needs: needs,
                guards: frame.guards, policy: entry.policy, output: entry.output, location: entry.site.location))
        works[id] = entry.work
        absences[id] = absence(of: entry)
        frame.lastNode = id
        if !entry.isHidden { advance(to: [id]) }
        return id
    }

    private func nameFault(_ entry: Recorder.Entry, _ id: String) -> String? {
        if let fault = stepNameFault(entry.name) { return fault }
        if !entry.isHidden, entry.name.hasPrefix("when-"), Int(entry.name.dropFirst(5)) != nil {
            return "the name '\(entry.name)' belongs to a 'when'; choose another"
        }
        guard let other = places[id] else { return nil }
        let scope = frame.map.map { "map '\($0)'" } ?? "this flow"
        return
            "\(scope) has two steps named '\(entry.name)', the other in line \(other.site.line); names are unique in their scope"
    }
}

/// What is wrong with the name of a step; nil when nothing is.
package func stepNameFault(_ name: String) -> String? {
    let isPlain = name.utf8.allSatisfy {
        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D
    }
    let startsWell = name.utf8.first.map { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) } ?? false
    if isPlain, startsWell, name.utf8.count <= 64 { return nil }
    return "'\(name)' is not a step's name: 1 to 64 lower-case letters, digits, '.', '_' and '-', a letter or digit first"
}
