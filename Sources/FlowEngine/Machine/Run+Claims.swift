package import FlowModel

/// What entries do to claims. One is held from its grant to the end of what it is for, and by nothing else: there is no entry that a crash
/// could keep from being written.
extension Run {
    /// Where the run's own claim stands; no step has such a name.
    package static let ownPath = StepPath("run:")

    mutating func apply(_ entry: ClaimEntry, at: Instant) {
        switch entry.change {
        case .asked(let demands):
            // A map or rollout that asks again in the middle goes on being one.
            if case .step(let number) = entry.claimant, steps[number].elements == nil || steps[number].state != .running {
                wait(demands.waitKind, Entry.StepRef(index: number, path: entry.path), at: at, until: nil)
                steps[number].waiting?.reason = demands.words
            }
            claims[entry.path] = Claim(claimant: entry.claimant, demands: demands, since: at)
        case .granted: claims[entry.path]?.grantedAt = at
        case .dropped: claims[entry.path] = nil
        }
        dirtyClaims.append(entry.path)
    }

    /// The row of what is claimed at a path.
    package func claimRow(at path: StepPath) -> ClaimRow? {
        guard let claim = claims[path] else { return nil }
        return ClaimRow(
            id: ClaimRow.ID(run: id, step: path), flow: created.flow, priority: priority, demands: claim.demands, since: claim.since,
            grantedAt: claim.grantedAt, callers: created.callers)
    }

    /// Whether the run has yet to get what it needs to itself.
    package var isQueued: Bool { !index.claims.isEmpty && claims[Run.ownPath]?.isGranted != true }

    /// A step keeps what it claims while it runs, and while nobody knows whether it does. A map or rollout also while it waits or is held
    /// between two of its parts.
    mutating func dropClaim(of number: Int, entering state: StepState) {
        let path = steps[number].path
        guard claims[path] != nil else { return }
        let isKept: Bool
        switch state {
        case .running, .unknown: isKept = true
        case .waiting, .held: isKept = steps[number].elements != nil
        case .pending, .ready, .backingOff, .succeeded, .failed, .skipped, .cancelled: isKept = false
        }
        if !isKept { drop(path) }
    }

    mutating func dropClaim(ofScope scope: Int) {
        if !claims.isEmpty, claims[claimPath(ofScope: scope)] != nil { drop(claimPath(ofScope: scope)) }
    }

    mutating func dropClaims() {
        for path in claims.keys.sorted() { drop(path) }
    }

    private mutating func drop(_ path: StepPath) {
        claims[path] = nil
        dirtyClaims.append(path)
    }

    /// `deploy[web-1]` for the body of a target, `deploy[web-1]/undo:` for what undoes it, `create/undo:` for what undoes a step.
    func claimPath(ofScope number: Int) -> StepPath {
        let scope = scopes[number]
        guard let map = scope.map else { return Run.ownPath }
        let key = steps[map].elements.map { "[\($0.keys[scope.element])]" } ?? ""
        return StepPath(steps[map].path.text + key + (scope.part == .body ? "" : "/\(scope.part.prefix)"))
    }

    /// Everything that is claimed in it is asked for again with the new priority.
    mutating func take(_ priority: Int) {
        self.priority = priority
        dirtyClaims += claims.keys.sorted()
    }
}

extension StepPath {
    /// Whether what is claimed at `inner` lies within what is claimed here, so that this one outlasts it.
    package func encloses(_ inner: StepPath) -> Bool {
        if self == Run.ownPath { return inner != self }
        guard inner.text.utf8.count > text.utf8.count, inner.text.hasPrefix(text) else { return false }
        let next = inner.text.utf8[inner.text.utf8.index(inner.text.utf8.startIndex, offsetBy: text.utf8.count)]
        return text.hasSuffix("]") ? next == UInt8(ascii: "/") : text.hasSuffix(":") || next == UInt8(ascii: "[")
    }
}
