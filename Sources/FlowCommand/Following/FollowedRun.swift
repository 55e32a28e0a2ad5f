package import FlowModel
package import FlowWire

/// A run as its follower knows it: what the server showed at first, and every event since.
package struct FollowedRun: Sendable {
    /// What is known of a step.
    package struct Step: Hashable, Sendable {
        package var path: StepPath
        package var kind = ""
        package var state = StepState.pending
        package var reason: String?
        package var attempt = 0
        package var target: String?
        package var startedAt: Instant?
        package var endedAt: Instant?
        package var until: Instant?
        package var changed: Bool?
        package var lastLine: String?
        package var release: String?

        package init(_ path: StepPath) { self.path = path }
    }

    package let id: RunID
    package var flow: String
    package var state: RunState
    package var reason: String?
    package var createdAt: Instant
    package var startedAt: Instant?
    package var endedAt: Instant?
    /// The last journal record that is in it.
    package var sequence: Int
    /// In order of appearance.
    package private(set) var steps: [Step] = []
    private var positions: [StepPath: Int] = [:]

    package init(_ run: Wire.Run, steps: [Wire.Step]) {
        id = run.id
        flow = run.flow
        state = run.state
        reason = run.reason
        createdAt = run.createdAt
        startedAt = run.startedAt
        endedAt = run.endedAt
        sequence = run.sequence
        for step in steps { update(step.path) { $0.show(step) } }
    }

    package subscript(path: StepPath) -> Step? { positions[path].map { steps[$0] } }

    package mutating func update(_ path: StepPath, _ change: (inout Step) -> Void) {
        let position = positions[path] ?? steps.count
        if position == steps.count {
            steps.append(Step(path))
            positions[path] = position
        }
        change(&steps[position])
    }
}

extension FollowedRun.Step {
    fileprivate mutating func show(_ step: Wire.Step) {
        kind = step.kind
        state = step.state
        reason = step.reason
        attempt = step.attempts.first?.number ?? 0
        target = step.attempts.first?.target
        startedAt = step.startedAt
        endedAt = step.endedAt
        until = step.waitingFor?.until
        release = step.waitingFor?.release
        changed = step.changed
    }
}
