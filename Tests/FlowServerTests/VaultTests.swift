import FlowModel
import FlowServer
import Foundation
import Glibc
import Testing

@Suite("Vault")
struct VaultTests {
    @Test func `what is sealed opens again, also after a restart, and looks different each time`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let vault = try Vault(home: home.path)
        let one = try vault.seal("hunter2 🙂")
        #expect(try vault.seal("hunter2 🙂") != one)
        #expect(try Vault(home: home.path).open(one) == "hunter2 🙂")
        #expect(try home.read("secret.key").count == 32)
    }

    @Test func `a sealed text that was changed at any byte does not open`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let vault = try Vault(home: home.path)
        let sealed = try #require(Data(base64Encoded: try vault.seal("secret")))
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: FlowError.self) { try vault.open(changed.base64EncodedString()) }
        }
        #expect(throws: FlowError.self) { try vault.open("") }
        #expect(throws: FlowError.self) { try vault.open("not base64!") }
    }

    @Test func `another key, a lost key and a key that others can read are refused at start`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        _ = try Vault(home: home.path)
        chmod("\(home.path)/secret.key", 0o644)
        #expect(throws: FlowError.self) { try Vault(home: home.path) }
        unlink("\(home.path)/secret.key")
        #expect(throws: FlowError.self) { try Vault(home: home.path) }
        try home.write("secret.key", String(repeating: "k", count: 32))
        #expect(throws: FlowError.self) { try Vault(home: home.path) }
        try home.write("secret.key", "short")
        #expect(throws: FlowError.self) { try Vault(home: home.path) }
    }

    @Test func `every text inside a value is sealed`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let vault = try Vault(home: home.path)
        let sealed = try vault.sealed(["a", "b"])
        #expect(!sealed.canonical.contains("\"a\""))
        #expect(SealedText.redacted(sealed) == ["<redacted>", "<redacted>"])
        let texts = try #require(sealed.arrayValue).map { try SealedText.replacing(in: $0.text) { try vault.open($0) } }
        #expect(texts == ["a", "b"])
    }

    @Test func `a fingerprint tells contents apart, and homes too`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let vault = try Vault(home: home.path)
        #expect(vault.fingerprint(["a": 1]) == vault.fingerprint(["a": 1]))
        #expect(vault.fingerprint(["a": 1]) != vault.fingerprint(["a": 2]))
        let other = try TemporaryHome()
        defer { other.remove() }
        #expect(vault.fingerprint(["a": 1]) != (try Vault(home: other.path)).fingerprint(["a": 1]))
    }
}
