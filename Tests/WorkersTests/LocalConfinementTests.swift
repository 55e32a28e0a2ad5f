import FlowModel
import Foundation
import Glibc
import Testing
import Workers

/// Authors' commands on the engine's own machine do not have the engine's reach.
@Suite("Local confinement", .enabled(if: geteuid() == 0, "commands are confined where the engine is root"))
struct LocalConfinementTests {
    /// A home with a key, and a spool in it.
    private func home() throws -> (folder: TestFolder, home: String, spool: String) {
        let folder = try TestFolder()
        let (home, spool) = (folder.file("home"), folder.file("home/spool"))
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
        try "key".write(toFile: home + "/secret.key", atomically: true, encoding: .utf8)
        return (folder, home, spool)
    }

    private func said(_ command: String, _ confinement: LaunchConfinement) async throws -> String {
        let channel = try await LocalTransport(confinement: TriedConfinement(confinement)).open(command)
        try await channel.finishInput()
        var text = ""
        while let event = try await channel.next() {
            if case .stdout(let bytes) = event { text += String(decoding: bytes, as: UTF8.self) }
        }
        channel.close()
        return text
    }

    @Test func `a command sees of the home what it works in, and nothing else`() async throws {
        let (folder, home, spool) = try home()
        let confinement = LaunchConfinement(hidden: [home], kept: spool)
        #expect(try await said("ls -A \(home); cat \(home)/secret.key", .none) == "secret.key\nspool\nkey")
        #expect(try await said("ls -A \(home); cat \(home)/secret.key", confinement) == "spool\n")
        #expect(try await said("echo x >\(home)/new; echo x >\(spool)/new; ls \(home) \(spool)", confinement).contains("\(spool):\nnew\n"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: home).sorted() == ["secret.key", "spool"])
        withExtendedLifetime(folder) {}
    }

    @Test func `a command runs as the account that is named`() async throws {
        let (folder, home, spool) = try home()
        let nobody = LaunchConfinement.Account(user: 65_534, group: 65_534)
        chown(spool, nobody.user, nobody.group)
        let confinement = LaunchConfinement(hidden: [home], kept: spool, account: nobody)
        #expect(try await said("id -u; id -G; cat /etc/shadow; echo x >\(spool)/mine && echo kept", confinement) == "65534\n65534\nkept\n")
        withExtendedLifetime(folder) {}
    }

    @Test func `a copy takes no file of the engine's, by whatever path`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        let key = try test.folder.write("home/secret.key", "key")
        let link = test.folder.file("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: key)
        let allowed = try test.folder.write("package", "bytes")
        try await test.with { pool async throws in
            for (number, path) in [key, link, "\(test.home)/../home/secret.key"].enumerated() {
                let work = CopyWork(from: path, to: test.folder.file("stolen"))
                let result = try await test.carryOut(.of(.copy(work), step: "take-\(number)"), on: pool)
                #expect(result.failure?.message.contains("one of the engine's own files") == true, "\(result)")
            }
            let work = CopyWork(from: allowed, to: test.folder.file("copied"))
            _ = try await test.carryOut(.of(.copy(work), step: "take"), on: pool)
        }
        #expect(test.folder.read("copied") == "bytes")
        #expect(test.folder.read("stolen") == nil)
    }
}
