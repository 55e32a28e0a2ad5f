import CFlowShims
import FlowAPI
import FlowCrypto
package import FlowModel
package import FlowStoreSQLite
package import FlowWire
package import Logging
import NIOPosix
import Synchronization

/// Who is who, on top of the accounts in the database.
///
/// Answers are cached for a moment, because every request asks; every change made here empties the cache before it is
/// acknowledged, so that a revoked token or role is gone when the command returns. What the engine knows of people is read again, too, and
/// open gates have looked at their votes by then.
package final class IdentityService: Identities {
    private struct Known {
        var actor: Actor
        var token: TokenRow?
        var until: Instant
    }
    private struct Cache {
        var users: [UInt32: Known] = [:]
        var tokens: [Digest: Known] = [:]
        /// Counts changes, so that an answer read before one is not kept after it.
        var changes = 0
    }

    private static let cacheSeconds = 5.0
    private static let cacheEntries = 4_096
    private static let toldSeconds = 60.0
    private static let tokenLifetimeSeconds = 90.0 * 86_400
    private static let maxTokenLifetimeSeconds = 10.0 * 365 * 86_400

    let accounts: Accounts
    let now: @Sendable () -> Instant
    private let book: PeopleBook?
    private let logger: Logger
    private let cache = Mutex(Cache())
    /// When it was last said that the use of tokens is not noted.
    private let told = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameters:
    ///   - book: is told of every change; nil where no engine asks who is who.
    ///   - logger: for what is not noted.
    package init(
        accounts: Accounts, book: PeopleBook? = nil, now: @escaping @Sendable () -> Instant,
        logger: Logger = Logger(label: "flow.identity") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.accounts = accounts
        self.book = book
        self.now = now
        self.logger = logger
    }

    /// Makes the owner of the home the first admin, while there is none. Root, who can do all that the owner can, is the same person: of
    /// a service the owner is an account that nobody logs in to.
    package func ensureAdmin(owner uid: UInt32) async throws {
        let users = try await accounts.users()
        guard !users.contains(where: { $0.roles.contains(Role.admin.rawValue) }) else { return }
        let name = try await IdentityService.name(of: uid)
        if try await accounts.actor(user: name) == nil {
            try await accounts.add(user: name, roles: [Role.admin.rawValue], by: Actor.engine.user, at: now())
        } else {
            try await accounts.setRoles([Role.admin.rawValue], of: name, by: Actor.engine.user, at: now())
        }
        let root = try await IdentityService.name(of: 0)
        if root != name, try await accounts.actor(user: root) == nil {
            try await accounts.add(user: root, roles: [], by: Actor.engine.user, at: now())
            try await accounts.link(root, to: name, by: Actor.engine.user, at: now())
        }
        try await changed()
    }

    package var people: People? { book?.people }

    // MARK: - Who asks

    package func actor(uid: UInt32) async throws -> Actor {
        let now = now()
        let (known, changes) = cache.withLock { ($0.users[uid], $0.changes) }
        if let known, known.until > now { return known.actor }
        let name = try await IdentityService.name(of: uid)
        let actor = try await accounts.actor(user: name) ?? Actor(person: name, user: name, names: [name], roles: [])
        cache.withLock { cache in
            guard cache.changes == changes else { return }
            if cache.users.count >= IdentityService.cacheEntries { cache.users = [:] }
            cache.users[uid] = Known(actor: actor, until: now + IdentityService.cacheSeconds)
        }
        return actor
    }

    /// Looked up by the SHA-256 of what was shown: how long it takes says nothing about a secret.
    package func actor(token: String) async throws -> Actor? {
        let hash = Digest(of: token.utf8)
        let now = now()
        let (known, changes) = cache.withLock { ($0.tokens[hash], $0.changes) }
        if let known, known.until > now { return known.actor }
        guard let (actor, row) = try await accounts.actor(tokenHash: hash, at: now) else { return nil }
        await noteUse(of: row, at: now)
        let until = min(now + IdentityService.cacheSeconds, row.expiresAt ?? now + IdentityService.cacheSeconds)
        cache.withLock { cache in
            guard cache.changes == changes else { return }
            if cache.tokens.count >= IdentityService.cacheEntries { cache.tokens = [:] }
            cache.tokens[hash] = Known(actor: actor, token: row, until: until)
        }
        return actor
    }

    /// A token lets in also where its use cannot be noted, such as on a full disk. That is logged once a minute at most.
    private func noteUse(of token: TokenRow, at now: Instant) async {
        do {
            try await accounts.touch(token, at: now)
        } catch {
            let isNews = told.withLock { told in
                let moment = ContinuousClock.now
                if let told, moment - told < .seconds(IdentityService.toldSeconds) { return false }
                told = moment
                return true
            }
            if isNews { logger.warning("it is not noted when tokens are used", metadata: ["error": "\(error)"]) }
        }
    }

    /// Users, links, roles or lent rights are others than before.
    func changed() async throws {
        forget()
        try await book?.refresh()
    }

    private func forget() {
        cache.withLock { cache in
            cache.changes += 1
            cache.users = [:]
            cache.tokens = [:]
        }
    }

    // MARK: - Users

    package func users() async throws -> [Wire.User] {
        var people: [String: Wire.User] = [:]
        for row in try await accounts.users() {
            if people[row.person] == nil {
                people[row.person] = Wire.User(person: row.person, names: [], roles: row.roles, createdAt: row.createdAt)
            }
            people[row.person]?.names.append(row.name)
        }
        return people.values.sorted { $0.person < $1.person }
    }

    package func setRoles(_ roles: [String], of name: String, by actor: Actor) async throws -> Wire.User {
        try IdentityService.check(name: name, what: "user")
        for role in roles { try IdentityService.check(name: role, what: "role") }
        if try await accounts.actor(user: name) == nil {
            try await accounts.add(user: name, roles: roles, by: actor.user, at: now())
        } else {
            try await accounts.setRoles(roles, of: name, keeping: Role.admin.rawValue, by: actor.user, at: now())
        }
        try await changed()
        return try await user(name)
    }

    package func link(_ name: String, with other: String, by actor: Actor) async throws -> Wire.User {
        try IdentityService.check(name: other, what: "user")
        if try await accounts.actor(user: other) == nil { try await accounts.add(user: other, roles: [], by: actor.user, at: now()) }
        try await accounts.link(other, to: name, by: actor.user, at: now())
        try await changed()
        return try await user(name)
    }

    package func unlink(_ name: String, from other: String, message: String, by actor: Actor) async throws -> [Wire.User] {
        try await accounts.unlink(name, from: other, keeping: Role.admin.rawValue, reason: message, by: actor.user, at: now())
        try await changed()
        let users = try await users()
        // One of the two may have been removed since they were linked.
        return [name, other].compactMap { name in users.first { $0.names.contains(name) } }.reduce(into: []) { found, user in
            if !found.contains(user) { found.append(user) }
        }
    }

    package func remove(user name: String, by actor: Actor) async throws {
        let isGone = try await accounts.remove(user: name, keeping: Role.admin.rawValue, by: actor.user, at: now())
        try await changed()
        guard isGone else {
            throw FlowError(.notFound, subject: name, "There is no user '\(name)'.", hint: "flowctl user list")
        }
    }

    private func user(_ name: String) async throws -> Wire.User {
        guard let user = try await users().first(where: { $0.names.contains(name) }) else {
            throw FlowError(.notFound, subject: name, "There is no user '\(name)'.", hint: "flowctl user list")
        }
        return user
    }

    // MARK: - Tokens

    package func tokens(of person: String?) async throws -> [Wire.Token] {
        let names = person == nil ? nil : Set(try await accounts.users().filter { $0.person == person }.map(\.name))
        return try await accounts.tokens().filter { names?.contains($0.user) ?? true }.map { Wire.Token($0) }
    }

    package func createToken(_ request: Wire.TokenRequest, by actor: Actor) async throws -> Wire.Token {
        let lifetime = request.expiresInSeconds ?? IdentityService.tokenLifetimeSeconds
        guard lifetime > 0, lifetime <= IdentityService.maxTokenLifetimeSeconds else {
            throw FlowError(
                .usage, subject: "expiresInSeconds",
                "No token was made: it must expire between 0 and \(Int(IdentityService.maxTokenLifetimeSeconds)) s from now.")
        }
        guard (1...200).contains(request.name.utf8.count) else {
            throw FlowError(.usage, subject: "name", "No token was made: its name must have 1 to 200 bytes.")
        }
        let secret = "flow_" + SystemRandom.bytes(32).base64URL
        let id = SystemRandom.bytes(8).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        let now = now()
        let row = TokenRow(id: id, user: request.user ?? actor.user, name: request.name, createdAt: now, expiresAt: now + lifetime)
        try await accounts.add(token: row, hash: Digest(of: secret.utf8), by: actor.user)
        var token = Wire.Token(row)
        token.token = secret
        return token
    }

    package func revokeToken(_ id: String, by actor: Actor) async throws {
        let isRevoked = try await accounts.revoke(token: id, by: actor.user, at: now())
        forget()
        guard isRevoked else {
            throw FlowError(.conflict, subject: id, "Token '\(id)' was revoked before.", hint: "flowctl token list")
        }
    }

    // MARK: - Names

    /// `os:NAME`. Asking the system for a name can block, so that happens on a thread made for it.
    private static func name(of uid: UInt32) async throws -> String {
        let name = try await NIOThreadPool.singleton.runIfActive { () -> String? in
            var name = [UInt8](repeating: 0, count: 64)
            let isKnown = name.withUnsafeMutableBytes { flow_user_name(uid, $0.assumingMemoryBound(to: CChar.self).baseAddress, $0.count) != 0 }
            return isKnown ? String(decoding: name.prefix { $0 != 0 }, as: UTF8.self) : nil
        }
        return "os:\(name ?? String(uid))"
    }

    private static func check(name: String, what: String) throws(FlowError) {
        let isGood =
            (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || ".-_:@".utf8.contains(byte)
            }
        guard isGood else {
            throw FlowError(
                .usage, subject: what,
                "Nothing was changed: '\(name)' is not a \(what) name. It takes 1 to 64 of letters, digits and . - _ : @")
        }
    }
}

extension Wire.Token {
    init(_ row: TokenRow) {
        self.init(
            id: row.id, name: row.name, user: row.user, createdAt: row.createdAt, expiresAt: row.expiresAt,
            lastUsedAt: row.lastUsedAt, revokedAt: row.revokedAt)
    }
}

extension [UInt8] {
    /// Base64 for URLs, without padding (RFC 4648 §5).
    var base64URL: String {
        let digits = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var out: [UInt8] = []
        var rest = 0
        var bits = 0
        for byte in self {
            rest = rest << 8 | Int(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                out.append(digits[rest >> bits & 63])
            }
            rest &= (1 << bits) - 1
        }
        if bits > 0 { out.append(digits[rest << (6 - bits) & 63]) }
        return String(decoding: out, as: UTF8.self)
    }
}
