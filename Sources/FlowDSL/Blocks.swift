internal import FlowModel

/// Lets the steps in it run together, ordered only by the data they use and by `after:`. What follows waits for all of them.
@discardableResult
public func parallel(@FlowBuilder _ body: () -> some FlowBody) -> Block {
    Recorder.current?.change { $0.openParallel() }
    _ = body()
    Recorder.current?.change { $0.closeParallel() }
    return Block()
}

/// Runs its steps when the condition holds; the others of a `when` are skipped. Decided once, when the run gets there.
@discardableResult
public func when(
    _ condition: some Reference<Bool>, @FlowBuilder _ body: () -> some FlowBody, file: String = #fileID, line: Int = #line
) -> Block {
    let choice = Recorder.decide(condition.reference, Site(file, line))
    let exits = Recorder.branch(choice, true) { _ = body() }
    Recorder.current?.change { $0.advance(to: exits) }
    return Block()
}

/// Runs the first block when the condition holds, else the second.
@discardableResult
public func when(
    _ condition: some Reference<Bool>, @FlowBuilder _ body: () -> some FlowBody,
    @FlowBuilder otherwise: () -> some FlowBody, file: String = #fileID, line: Int = #line
) -> Block {
    let choice = Recorder.decide(condition.reference, Site(file, line))
    let exits = Recorder.branch(choice, true) { _ = body() } + Recorder.branch(choice, false) { _ = otherwise() }
    Recorder.current?.change { $0.advance(to: exits) }
    return Block()
}

extension Recorder {
    /// Takes the condition of a `when` down as a step of its own.
    static func decide(_ condition: Condition, _ site: Site) -> String {
        let number = current?.change { state in
            state.frame.choices += 1
            return state.frame.choices
        }
        let name = "when-\(number ?? 0)"
        return add("when", Entry(name: name, kind: .choice(condition.expression), isHidden: true, site: site))
    }

    /// Takes a branch down; gives what it ends with. Its steps settle by being skipped when it is not taken, so that what
    /// follows a `when` need not look at the choice.
    static func branch(_ choice: String, _ answer: Bool, _ body: () -> Void) -> [String] {
        current?.change { $0.openBranch(choice, answer) }
        body()
        return current?.change { $0.closeBranch() } ?? []
    }
}

/// Runs after everything else has ended, whatever its outcome; not when a run is killed. `run.outcome` says how it went.
@discardableResult
public func finally(
    @FlowBuilder _ body: () -> some FlowBody, file: String = #fileID, line: Int = #line
) -> Block {
    let isAtTop = Recorder.current?.change { $0.openFinally() }
    if isAtTop == false {
        Recorder.complain(
            "finally", "finally { } stands at the top of a flow's body, not inside another block", Site(file, line))
    }
    _ = body()
    Recorder.current?.change { $0.closeFinally() }
    return Block()
}
