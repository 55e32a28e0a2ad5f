package import FlowEngine
package import FlowModel
package import FlowWire
package import NIOCore

/// Finds out who asks, and keeps users and tokens.
package protocol Identities: Sendable {
    /// The person behind a process on this machine. Never refused here: a user whom nobody gave a role has none.
    func actor(uid: UInt32) async throws -> Actor
    /// The person behind a token; nil when it is unknown, expired or revoked.
    func actor(token: String) async throws -> Actor?

    func users() async throws -> [Wire.User]
    /// Creates the user or replaces the roles of the person.
    func setRoles(_ roles: [String], of name: String, by actor: Actor) async throws -> Wire.User
    /// Makes `other` another name of the person who has `name`.
    func link(_ name: String, with other: String, by actor: Actor) async throws -> Wire.User
    /// Takes the link between the two back, for runs that begin from now on. Gives who they are then: one person where other links hold them.
    func unlink(_ name: String, from other: String, message: String, by actor: Actor) async throws -> [Wire.User]
    func remove(user name: String, by actor: Actor) async throws
    /// The tokens of one person; of everybody when nil.
    func tokens(of person: String?) async throws -> [Wire.Token]
    /// The answer is the only place where the secret is ever seen.
    func createToken(_ request: Wire.TokenRequest, by actor: Actor) async throws -> Wire.Token
    func revokeToken(_ id: String, by actor: Actor) async throws

    /// Who is who, as the engine has it; nil where nobody keeps accounts.
    var people: People? { get }

    /// Rights to vote that were lent, newest first.
    func delegations() async throws -> [Wire.Delegation]
    func delegate(_ request: Wire.DelegationRequest, by actor: Actor) async throws -> Wire.Delegation
    func revokeDelegation(_ id: String, by actor: Actor) async throws
}

/// The registered flows.
package protocol FlowCatalogue: Sendable {
    /// In order of name.
    func flows() async throws -> [Wire.Flow]
    /// With its plan; nil when there is none of this name.
    func flow(_ name: String) async throws -> Wire.Flow?
    func register(_ name: String, _ request: Wire.Register, by actor: Actor) async throws -> Wire.Flow
    func remove(flow name: String, by actor: Actor) async throws
}

/// Turns what somebody wants to run into something that can be started: plan found and validated, inputs complete and sealed,
/// selectors resolved and frozen.
package protocol RunPreparation: Sendable {
    /// `content` is the request as it was sent: the same key is good for the same content only.
    func prepare(_ start: Wire.Start, key: String?, content: JSON) async throws -> StartRequest
    func preview(_ start: Wire.Start) async throws -> Wire.Preview
    /// Refuses what no later request could make good: what is given and does not fit, and selectors in it that find nothing.
    ///
    /// - Parameter taken: the inputs that each request brings; nil: any that are not given.
    func check(_ start: Wire.Start, taken: Set<String>?) async throws
    /// Other inputs for a run of this plan: checked, sealed, and the hosts of selectors that are new to it.
    func edit(_ inputs: [String: JSON], of plan: Plan, begunWith created: Created, now current: JSON) async throws -> InputEdit
}

/// The hosts that Flow knows.
package protocol HostDirectory: Sendable {
    func inventory() async throws -> KnownInventory
    /// In the order of the inventory.
    func hosts(matching selector: String) async throws -> [Host]
    /// All of them or none; a host that is there at the same address takes the keys that are given. In the order given.
    func add(_ hosts: [Wire.Host], by actor: Actor) async throws -> [Wire.Host]
    func scan(_ request: Wire.Scan) async throws -> [Wire.HostKey]
    func importKnownHosts(_ request: Wire.KnownHosts, by actor: Actor) async throws -> Wire.KnownHostsResult
    func ping(_ selector: String) async throws -> [Wire.PingResult]
}

/// Plans, binaries, scripts and artifacts by digest.
package protocol BlobVault: Sendable {
    func contains(_ digest: Digest) async throws -> Bool
    /// Stores what `next` gives until it gives nil. Refused, and nothing kept: more than `Limits.blobBytes`, another digest.
    func put(_ digest: Digest, next: @Sendable () async throws -> ByteBuffer?) async throws
    /// At most `limit` bytes from `offset`, as they are there; nil when it is not known.
    func read(_ digest: Digest, from offset: Int, limit: Int) async throws -> [UInt8]?
}

/// What attempts wrote.
package protocol OutputReader: Sendable {
    /// At most `limit` bytes from `offset`; empty at the end of what is there so far.
    func output(
        of run: RunID, step: StepPath, attempt: Int, stream: OutputStream, offset: Int, limit: Int
    ) async throws -> [UInt8]
    /// The last line so far, at most 200 characters, without control characters.
    func lastLine(of run: RunID, step: StepPath, attempt: Int) async throws -> String?
}

package enum OutputStream: String, Codable, CaseIterable, Sendable { case stdout, stderr }

/// Looks after the whole.
package protocol Caretaker: Sendable {
    func findings() async throws -> [Wire.Finding]
    /// What `/metrics` shows beside what is counted as it happens; those of one name one after the other.
    func figures() async throws -> [Figure]
    /// A consistent copy of the database, piece by piece; `finish` removes what it took.
    func backup() async throws -> Backup
    /// Adds to the audit trail.
    func note(_ verb: String, subject: String, detail: JSON, by actor: Actor) async throws
    /// Newest first, those before `sequence`.
    func audit(before sequence: Int?, limit: Int) async throws -> [Wire.AuditEntry]
}

package struct Backup: Sendable {
    package var bytes: Int
    package var next: @Sendable () async throws -> ByteBuffer?
    package var finish: @Sendable () async -> Void

    package init(
        bytes: Int, next: @escaping @Sendable () async throws -> ByteBuffer?, finish: @escaping @Sendable () async -> Void
    ) {
        self.bytes = bytes
        self.next = next
        self.finish = finish
    }
}
