import FlowCrypto
package import FlowModel
import FlowStoreSQLite
package import FlowWire

extension IdentityService {
    private static let maxDelegationSeconds = 366.0 * 86_400

    package func delegations() async throws -> [Wire.Delegation] {
        try await accounts.delegations().map { Wire.Delegation($0) }
    }

    package func delegate(_ request: Wire.DelegationRequest, by actor: Actor) async throws -> Wire.Delegation {
        let now = now()
        guard request.until > now, request.until.seconds(since: now) <= IdentityService.maxDelegationSeconds else {
            throw FlowError(
                .usage, subject: "until", "Nothing was lent: it must end between now and a year from now, found \(request.until).")
        }
        let id = SystemRandom.bytes(8).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        let row = DelegationRow(
            id: id, from: request.from ?? actor.user, to: request.to, role: request.role, reason: request.message, createdAt: now,
            until: request.until)
        try await accounts.add(delegation: row, by: actor.user)
        try await changed()
        return Wire.Delegation(row)
    }

    package func revokeDelegation(_ id: String, by actor: Actor) async throws {
        let isRevoked = try await accounts.revoke(delegation: id, by: actor.user, at: now())
        try await changed()
        guard isRevoked else {
            throw FlowError(.conflict, subject: id, "Delegation '\(id)' was revoked before.", hint: "flowctl approval delegations")
        }
    }
}

extension Wire.Delegation {
    fileprivate init(_ row: DelegationRow) {
        self.init(
            id: row.id, from: row.from, to: row.to, role: row.role, message: row.reason, createdAt: row.createdAt, until: row.until,
            revokedAt: row.revokedAt)
    }
}
