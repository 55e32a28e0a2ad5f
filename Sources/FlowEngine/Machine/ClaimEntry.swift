package import FlowModel

/// What becomes of something that a step, an element or the run wants to itself.
package struct ClaimEntry: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        /// It waits in line for all of these.
        case asked([Demand])
        /// They are its own, until the end of what it is for.
        case granted
        /// It waits, or has them, no longer. Most ends say that by themselves: that of a step, of an element, of a run.
        case dropped
    }

    package var path: StepPath
    package var claimant: Claimant
    package var change: Change

    package init(_ path: StepPath, _ claimant: Claimant, _ change: Change) {
        self.path = path
        self.claimant = claimant
        self.change = change
    }
}

/// Who claims something.
package enum Claimant: Hashable, Sendable {
    case run
    /// By index.
    case step(Int)
    /// An element of a map or a target of a rollout, by its scope.
    case scope(Int)
}

/// Something that is claimed in a run.
package struct Claim: Hashable, Sendable {
    package var claimant: Claimant
    package var demands: [Demand]
    package var since: Instant
    /// nil while it waits.
    package internal(set) var grantedAt: Instant?

    package var isGranted: Bool { grantedAt != nil }
}

// MARK: - As JSON, in the journal and on the wire

extension ClaimEntry {
    /// The word for it.
    package var kind: String {
        switch change {
        case .asked: "claimAsked"
        case .granted: "claimGranted"
        case .dropped: "claimDropped"
        }
    }

    package var details: [String: JSON] {
        var members: [String: JSON] = [:]
        if case .run = claimant {} else { members["step"] = .string(path.text) }
        if case .asked(let demands) = change {
            members["claims"] = .array(demands.map { .string($0.words) })
            members["state"] = .string(StepState.waiting.rawValue)
        }
        return members
    }

    /// As the journal keeps it.
    var stored: JSON {
        var members: [String: JSON] = ["path": .string(path.text)]
        switch claimant {
        case .run: break
        case .step(let index): members["index"] = .int(index)
        case .scope(let index): members["scope"] = .int(index)
        }
        if case .asked(let demands) = change { members["demands"] = .array(demands.map(\.json)) }
        return .object(members)
    }

    init(kind: String, stored: JSON) throws(BinaryReader.Malformed) {
        guard let path = stored["path"]?.stringValue else { throw .init(message: "a claim has no path") }
        let claimant: Claimant =
            if let index = stored["index"]?.intValue { .step(index) } else if let scope = stored["scope"]?.intValue { .scope(scope) } else { .run }
        let change: Change
        switch kind {
        case "claimAsked":
            guard let demands = [Demand](json: stored["demands"]) else { throw .init(message: "a claim lacks what it asks for") }
            change = .asked(demands)
        case "claimGranted": change = .granted
        case "claimDropped": change = .dropped
        default: throw .init(message: "claim entry '\(kind)' is not known")
        }
        self.init(StepPath(path), claimant, change)
    }
}

extension Demand {
    /// Short, since every step with a lock writes it: `{"lock":"db"}`.
    package var json: JSON {
        switch kind {
        case .exclusive: ["lock": .string(name)]
        case .shared: ["lock": .string(name), "shared": true]
        case .slots(let weight, let of): ["limit": .string(name), "weight": .int(weight), "of": .int(of)]
        case .rate(let count, let seconds): ["rate": .string(name), "count": .int(count), "seconds": .double(seconds)]
        case .overlap: ["flow": .string(name)]
        }
    }

    package init?(json: JSON) {
        if let name = json["lock"]?.stringValue {
            self.init(name: name, kind: json["shared"]?.boolValue == true ? .shared : .exclusive)
        } else if let name = json["limit"]?.stringValue, let weight = json["weight"]?.intValue, let of = json["of"]?.intValue {
            self.init(name: name, kind: .slots(weight: weight, of: of))
        } else if let name = json["rate"]?.stringValue, let count = json["count"]?.intValue, let seconds = json["seconds"]?.doubleValue {
            self.init(name: name, kind: .rate(count: count, seconds: seconds))
        } else if let name = json["flow"]?.stringValue {
            self.init(name: name, kind: .overlap)
        } else {
            return nil
        }
    }
}

extension [Demand] {
    /// nil when one of them cannot be read.
    package init?(json: JSON?) {
        guard let elements = json?.arrayValue else { return nil }
        let demands = elements.compactMap(Demand.init(json:))
        guard demands.count == elements.count else { return nil }
        self = demands
    }
}
