import FlowModel
import Glibc
import HTTPTypes
import Hummingbird
import NIOCore

/// Tells the handlers of a connection that a credential which came on it was accepted.
package struct CredentialAccepted: Sendable {
    package let person: String

    package init(person: String) { self.person = person }
}

/// Finds out who asks and whether the route is for them. There is no way in but `admit`.
struct Door: Sendable {
    let identities: any Identities
    let listener: Listener

    /// The caller; nil on routes that are open to anyone.
    func admit(_ request: Request, channel: any Channel, to route: Route) async throws -> Actor? {
        guard case .role(let needed) = route.access else { return nil }
        let actor = try await identify(request, channel)
        if listener == .network { channel.triggerUserOutboundEvent(CredentialAccepted(person: actor.person), promise: nil) }
        guard let role = Role.strongest(in: actor.roles), role >= needed else {
            throw FlowError.forbidden(actor, "may not use \(route.verb): that takes the role \(needed.rawValue)")
        }
        return actor
    }

    /// A token that is given decides, wherever it comes from; without one the socket says who is at the other end.
    private func identify(_ request: Request, _ channel: any Channel) async throws -> Actor {
        if let header = request.headers[.authorization] {
            guard let token = Door.bearer(header), let actor = try await identities.actor(token: token) else {
                throw FlowError(
                    .unauthenticated, subject: "token", "The token was not accepted: it is unknown, expired or revoked.",
                    hint: "Make one on the server: flowctl token create NAME")
            }
            return actor
        }
        guard listener == .socket else {
            throw FlowError(
                .unauthenticated, subject: "token", "This request needs a token: the header 'Authorization: Bearer TOKEN'.",
                hint: "Make one on the server: flowctl token create NAME, then export FLOW_TOKEN=…")
        }
        return try await identities.actor(uid: try await Door.peer(of: channel))
    }

    private static func bearer(_ header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= 256 else { return nil }
        return String(parts[1])
    }

    /// The user id of the process that connected, as the kernel noted it then.
    private static func peer(of channel: any Channel) async throws -> UInt32 {
        guard let options = channel as? any SocketOptionProvider else {
            throw FlowError(.unauthenticated, subject: "socket", "The connection does not say who is at its other end.")
        }
        let credentials: PeerCredentials = try await options.unsafeGetSocketOption(
            level: SocketOptionLevel(SOL_SOCKET), name: SocketOptionName(SO_PEERCRED)
        ).get()
        return credentials.uid
    }
}

/// The kernel's `struct ucred` (unix(7)), which glibc shows to GNU sources only.
private struct PeerCredentials: Sendable {
    var pid: Int32
    var uid: UInt32
    var gid: UInt32
}
