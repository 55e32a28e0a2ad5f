import FlowModel
import FlowTestKit
import Foundation
import Glibc
import Testing

@Suite("What stands in a home in place of its files", .timeLimit(.minutes(5)))
struct OddHomeTests {
    enum Odd: String, CaseIterable, Sendable {
        case pipe, directory, device

        func make(at path: String) throws {
            let code =
                switch self {
                case .pipe: mkfifo(path, 0o600)
                case .directory: mkdir(path, 0o700)
                case .device: symlink("/dev/zero", path)
                }
            guard code == 0 else { throw NotSo(description: "\(path) was not made: \(String(cString: strerror(errno)))") }
        }

        /// A link is followed where links are, and named where they are not.
        var words: [String] { self == .device ? ["is a device", "is a link"] : ["is a \(rawValue)"] }
    }

    private static let files = [
        "secret.key", "owner.lock", "flowd.yaml", "breadcrumb", "journal.db-wal", "journal.db-shm", "flow.sock",
    ]

    @Test(arguments: Odd.allCases) func `it is refused at once, and named`(_ odd: Odd) async throws {
        for name in Self.files {
            let place = try Place()
            try place.makeHome()
            let path = place.folder.appending(path: ".flow/\(name)").path
            try odd.make(at: path)
            let refused = try await place.run("list")
            #expect(refused.status == 5, "\(name): \(refused.err)")
            #expect(refused.err.contains(name) && odd.words.contains { refused.err.contains($0) }, "\(name): \(refused.err)")
            #expect(refused.err.contains("Next: "), "\(name): \(refused.err)")
            let flowd = try await place.start(program: Place.binary("flowd").path, ["--home", place.folder.appending(path: ".flow").path]).result()
            #expect(flowd.status == 5 && odd.words.contains { flowd.err.contains($0) }, "\(name): \(flowd.err)")
            // Put right, it is a home as any other.
            #expect(odd == .directory ? rmdir(path) == 0 : unlink(path) == 0)
            #expect(try await place.run("list").status == 0, "\(name)")
            try FileManager.default.removeItem(at: place.folder)
        }
    }

    @Test(arguments: Odd.allCases) func `an engine serves without the room that it keeps`(_ odd: Odd) async throws {
        let place = try Place()
        try place.makeHome()
        try odd.make(at: place.folder.appending(path: ".flow/reserve").path)
        let served = try await Served.start(in: place)
        #expect(try await place.run("list").status == 0)
        await served.stop()
        try await place.leave()
    }
}
