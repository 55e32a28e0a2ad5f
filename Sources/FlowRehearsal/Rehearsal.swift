public import FlowDSL
import FlowInventory
import FlowLoading
package import FlowModel

/// A flow, tried to its end without anything happening: what tests of a flow are made of.
///
///     @Test func secondHostFails() async throws {
///         let result = try await Rehearsal(of: Release.self, inputs: ["version": "1.4.2"], hosts: ["web-1", "web-2", "web-3"])
///             .failing("deploy[web-2]/switch")
///             .run()
///         #expect(result.outcome == .failed)
///         #expect(!result.hasStarted("deploy[web-3]/switch"))
///     }
///
/// The engine is the one that runs flows; hands, people, messages and the clock are invented. Every step succeeds after one second, with an
/// output of its declared type; gates are approved; messages arrive. What goes otherwise is said with the methods here, each of which gives a
/// changed rehearsal. The closures of Swift steps are not called.
///
/// A step is named as `flowctl` shows it, by its path or the end of it: `switch`, `deploy/switch`, `deploy[web-3]/switch`, `deploy[web-*]/switch`; one
/// of a flow that `make` calls is `make > create`. What names no step is an error of `run()`. Of what is said of one step with one method the last
/// holds, with different methods the worse: unreachable, failing, output; expiring, rejecting, approving.
public struct Rehearsal: Sendable {
    private let plan: Plan
    private let inputs: [String: JSON]
    private let hosts: [RehearsalHost]
    private var options = RehearsalOptions()
    private let mistakes: [FlowError.Detail]

    /// - Parameters:
    ///   - flow: the type of the flow.
    ///   - inputs: its parameters by name; those with a default may be missing.
    ///   - hosts: the inventory, in order.
    public init<F: Flow>(of flow: F.Type, inputs: [String: any Encodable & Sendable] = [:], hosts: [RehearsalHost] = []) throws {
        let envelope = FlowDescription(of: flow).envelope
        plan = envelope.plan
        var values: [String: JSON] = [:]
        for (name, value) in inputs { values[name] = try JSON(encoding: value) }
        self.inputs = values
        self.hosts = hosts
        mistakes = envelope.diagnostics
    }

    // MARK: - What goes otherwise

    /// Attempts of these steps fail: a command with this exit status (1 unless given), a request with this status of HTTP (500); a Swift step throws.
    /// - Parameter times: only the first ones of each step; nil: all of them.
    public func failing(_ step: String, status: Int? = nil, times: Int? = nil) -> Rehearsal {
        let how = (status.map(String.init) ?? "") + (times.map { "x\($0)" } ?? "")
        return changed { $0.fail.append(step + (how.isEmpty ? "" : "=\(how)")) }
    }

    /// Attempts of these steps run into their time-out.
    public func timingOut(_ step: String, times: Int? = nil) -> Rehearsal {
        changed { $0.fail.append("\(step)=timeout" + (times.map { "x\($0)" } ?? "")) }
    }

    /// The host of these steps is rebooted in the middle: nobody knows whether they took effect.
    public func losing(_ step: String, times: Int? = nil) -> Rehearsal {
        changed { $0.fail.append("\(step)=lost" + (times.map { "x\($0)" } ?? "")) }
    }

    /// This host cannot be reached; who asks it over the network meets nobody.
    public func unreachable(_ host: String) -> Rehearsal { changed { $0.unreachable.append(host) } }

    /// These steps hand this out: a value of the type that they declare, of a command without one members such as `["stdout": "ok"]`.
    public func output(_ value: any Encodable & Sendable, of step: String) throws -> Rehearsal {
        let json = try JSON(encoding: value)
        return changed { $0.output.append("\(step)=\(json.canonical)") }
    }

    /// These gates are approved, with these answers to their fields.
    public func approving(_ gate: String, answers: [String: any Encodable & Sendable] = [:]) throws -> Rehearsal {
        let members = try answers.mapValues { try JSON(encoding: $0) }
        return changed { $0.approve.append("\(gate)=\(JSON.object(members).canonical)") }
    }

    /// Somebody rejects these gates.
    public func rejecting(_ gate: String) -> Rehearsal { changed { $0.reject.append(gate) } }

    /// Nobody decides these gates, or sends the message that these steps wait for.
    public func expiring(_ step: String) -> Rehearsal { changed { $0.expire.append(step) } }

    /// This comes with the messages of a signal.
    public func signal(_ name: String, _ value: any Encodable & Sendable) throws -> Rehearsal {
        let json = try JSON(encoding: value)
        return changed { $0.signal.append("\(name)=\(json.canonical)") }
    }

    /// An attempt of these steps takes so many seconds; so does a person until the vote, and a message until it arrives.
    public func taking(_ step: String, seconds: Double) -> Rehearsal { changed { $0.take.append("\(step)=\(JSON.double(seconds).text)") } }

    /// What a person does with these steps, where they wait for one: `retry`, `skip`, `succeeded`, `failed`; with a rollout `release` or `undo`.
    public func deciding(_ step: String, _ remedy: Remedy) -> Rehearsal { changed { $0.decide.append("\(step)=\(remedy.rawValue)") } }

    /// When the run has ended, what it did is taken back, as `flowctl undo RUN` does; it is `cancelled` then.
    public func undone() -> Rehearsal { changed { $0.undo = true } }

    /// It starts at this moment, RFC 3339 in UTC; else on a Monday, 2026-01-05T09:00:00Z.
    public func starting(at moment: String) -> Rehearsal { changed { $0.at = moment } }

    /// What a person does with a step that waits for one.
    public enum Remedy: String, Sendable, CaseIterable {
        case retry, skip, succeeded, failed, release, undo
    }

    private func changed(_ change: (inout RehearsalOptions) -> Void) -> Rehearsal {
        var other = self
        change(&other.options)
        return other
    }

    // MARK: - Running

    /// Rehearses to the end of the run, or until it waits for something that does not come.
    ///
    /// Throws when the flow does not load, an input is not acceptable, a selector means no host, or what was said here fits no step.
    public func run() async throws -> RehearsalResult {
        var faults = mistakes
        // The files of scripts are not looked at: nothing is carried out.
        if faults.isEmpty { faults = PlanValidation.faults(in: plan) }
        guard faults.isEmpty else {
            throw FlowError(.load, subject: plan.flow, "Nothing was rehearsed: flow '\(plan.flow)' has mistakes.", errors: faults)
        }
        var groups: [String: [String]] = [:]
        for host in hosts { for group in host.groups { groups[group, default: []].append(host.name) } }
        let inventory = Inventory(hosts: hosts.map(\.host), groups: groups)
        let order = RehearsalOrder(
            plan: plan, revision: try RehearsalOrder.revision(of: plan), inputs: inputs, inventory: inventory,
            script: try RehearsalScript(options))
        return RehearsalResult(try await order.rehearse())
    }
}

extension RehearsalOrder {
    /// Rehearses it. Throws when it cannot begin: inputs, selectors, or a script that does not fit the flow.
    package func rehearse() async throws(FlowError) -> RehearsalReport {
        try script.check(against: plan, inventory)
        return try await RehearsalDriver(self).rehearse()
    }
}

/// A host of the inventory of a rehearsal.
public struct RehearsalHost: Sendable, ExpressibleByStringLiteral {
    public var name: String
    /// What `host.address` gives.
    public var address: String
    public var groups: [String]
    public var labels: [String: String]

    public init(_ name: String, address: String? = nil, groups: [String] = [], labels: [String: String] = [:]) {
        self.name = name
        self.address = address ?? name
        self.groups = groups
        self.labels = labels
    }

    /// A host without groups and labels.
    public init(stringLiteral name: String) { self.init(name) }

    fileprivate var host: Host { Host(name: name, address: address, labels: labels) }
}
