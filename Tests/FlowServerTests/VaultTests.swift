import FlowModel
import FlowServer
import Foundation
import Glibc
import Synchronization
import Testing

/// What a database would know.
private final class KnownKey: Sendable {
    let canary = Mutex<String?>(nil)
    let sample = Mutex<String?>(nil)

    var check: Vault.Check {
        Vault.Check(
            canary: { self.canary.withLock { $0 } }, keep: { sealed in self.canary.withLock { $0 = sealed } }, sample: { self.sample.withLock { $0 } }
        )
    }
}

private func makeVault(_ home: TemporaryHome, _ database: KnownKey = KnownKey()) throws -> Vault { try Vault(home: home.path, check: database.check) }

@Suite("Vault", .timeLimit(.minutes(10)))
struct VaultTests {
    @Test func `what is sealed opens again, also after a restart, and looks different each time`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let vault = try makeVault(home)
        let one = try vault.seal("hunter2 🙂")
        #expect(try vault.seal("hunter2 🙂") != one)
        #expect(try makeVault(home).open(one) == "hunter2 🙂")
        #expect(try home.read("secret.key").count == 32)
    }

    @Test func `a sealed text that was changed at any byte does not open`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let vault = try makeVault(home)
        let sealed = try #require(Data(base64Encoded: try vault.seal("secret")))
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: FlowError.self) { try vault.open(changed.base64EncodedString()) }
        }
        #expect(throws: FlowError.self) { try vault.open("") }
        #expect(throws: FlowError.self) { try vault.open("not base64!") }
    }

    @Test func `a key that others can read, or is none, is refused at start`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        _ = try makeVault(home)
        chmod("\(home.path)/secret.key", 0o644)
        #expect(throws: FlowError.self) { try makeVault(home) }
        unlink("\(home.path)/secret.key")
        try home.write("secret.key", "short")
        #expect(throws: FlowError.self) { try makeVault(home) }
    }

    @Test func `with something sealed, a lost key and another key are refused, and the right one is known when it comes`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let database = KnownKey()
        let first = try makeVault(home, database)
        database.sample.withLock { [sealed = try first.seal("hunter2")] in $0 = sealed }
        let key = try home.read("secret.key")
        unlink("\(home.path)/secret.key")
        let missing = #expect(throws: FlowError.self) { try makeVault(home, database) }
        #expect(missing?.message.contains("is missing") == true && missing?.hint?.contains("Put the key back") == true, "\(missing?.message ?? "")")
        #expect(access("\(home.path)/secret.key", F_OK) != 0, "no key is made in silence")
        try home.write("secret.key", String(repeating: "k", count: 32))
        let wrong = #expect(throws: FlowError.self) { try makeVault(home, database) }
        #expect(wrong?.message.contains("is not the key") == true)
        unlink("\(home.path)/secret.key")
        try home.write("secret.key", key)
        #expect(try makeVault(home, database).open(#require(database.sample.withLock { $0 })) == "hunter2")
    }

    @Test func `a database without a canary is held to what is sealed in it`() throws {
        let (home, other) = (try TemporaryHome(), try TemporaryHome())
        defer { home.remove(); other.remove() }
        let database = KnownKey()
        database.sample.withLock { [sealed = try makeVault(other).seal("hunter2")] in $0 = sealed }
        try home.write("secret.key", String(repeating: "k", count: 32))
        #expect(throws: FlowError.self) { try makeVault(home, database) }
        #expect(database.canary.withLock { $0 } == nil)
    }

    @Test func `a backup of a home with nothing sealed starts with a new key`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let database = KnownKey()
        _ = try makeVault(home, database)
        unlink("\(home.path)/secret.key")
        let again = try makeVault(home, database)
        database.sample.withLock { [sealed = try again.seal("later")] in $0 = sealed }
        #expect(try makeVault(home, database).open(again.seal("later")) == "later")
    }

    @Test func `a key is given up on purpose only, and the next start takes the new one`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let database = KnownKey()
        let first = try makeVault(home, database)
        let sealed = try first.seal("hunter2")
        database.sample.withLock { $0 = sealed }
        unlink("\(home.path)/secret.key")
        _ = try Vault.renew(home: home.path, check: database.check, now: Instant(milliseconds: 1))
        let next = try makeVault(home, database)
        #expect(throws: FlowError.self) { try next.open(sealed) }
    }

    @Test func `every text inside a value is sealed`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let vault = try makeVault(home)
        let sealed = try vault.sealed(["a", "b"])
        #expect(!sealed.canonical.contains("\"a\""))
        #expect(SealedText.redacted(sealed) == ["<redacted>", "<redacted>"])
        let texts = try #require(sealed.arrayValue).map { try SealedText.replacing(in: $0.text) { try vault.open($0) } }
        #expect(texts == ["a", "b"])
    }

    @Test func `a fingerprint tells contents apart, and homes too`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let vault = try makeVault(home)
        #expect(vault.fingerprint(["a": 1]) == vault.fingerprint(["a": 1]))
        #expect(vault.fingerprint(["a": 1]) != vault.fingerprint(["a": 2]))
        let other = try TemporaryHome()
        defer { other.remove() }
        #expect(vault.fingerprint(["a": 1]) != (try makeVault(other)).fingerprint(["a": 1]))
    }
}
