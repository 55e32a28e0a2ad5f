import FlowModel
import FlowTestKit
import Foundation
import Testing

/// A real `flowd` on the home of a place, serving its socket and a port of loopback.
final class Served: Sendable {
    let place: Place
    let port: Int
    private let process: Program

    private init(_ place: Place, _ process: Program, port: Int, scheme: String) {
        self.scheme = scheme
        self.place = place
        self.process = process
        self.port = port
    }

    private let scheme: String
    var url: String { "\(scheme)://127.0.0.1:\(port)" }

    /// Returns when it accepts connections at both. `settings`: lines of `flowd.yaml` besides `listen`; `descriptors`: its limit, hard and soft;
    /// `account`: who runs it and owns the home, this process's unless given.
    static func start(
        in place: Place, settings: String = "", _ arguments: [String] = [], descriptors: Int? = nil, as account: Account? = nil
    ) async throws -> Served {
        let home = place.folder.appending(path: ".flow").path
        try place.makeHome()
        try place.writeHome("flowd.yaml", "listen: 127.0.0.1:0\n" + settings)
        if let account { try account.own(home) }
        let log = "\(home)/flowd.log"
        // What another one wrote there would be taken for the words of this one.
        unlink(log)
        let process = try place.start(
            program: "/bin/sh",
            ["-c", (descriptors.map { "ulimit -n \($0) && " } ?? "") + "exec \"$@\" 2> \"$0\"", log] + (account?.words ?? [])
                + [Place.binary("flowd").path, "--home", home] + arguments,
            environment: account == nil ? [:] : ["FLOW_SPOOL": "\(home)/spool", "HOME": home])
        var port: Int?
        try await fact("flowd serves") {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            guard process.isAlive else { throw NotSo(description: "flowd ended with \(process.status ?? -1): \(text)") }
            let place = text.firstMatch(of: /serving address=127\.0\.0\.1:(\d+)/)
            port = place.flatMap { Int($0.1) }
            return port != nil && text.contains("serving socket=")
        }
        return Served(place, process, port: try #require(port), scheme: settings.contains("tls:") ? "https" : "http")
    }

    /// A token of a user of this role.
    func token(_ user: String, role: String) async throws -> String {
        #expect(try await place.run("user", "add", user, "--role", role).status == 0)
        let made = try await place.run("token", "create", "test", "--user", user)
        #expect(made.status == 0, "\(made.err)")
        return made.out.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// What a client needs to know to ask by URL.
    func environment(token: String?) -> [String: String] {
        var environment = ["FLOW_SERVER": url]
        environment["FLOW_TOKEN"] = token
        return environment
    }

    /// `kill -9`: nothing is tidied up.
    func kill() async {
        await process.kill()
    }

    /// Has it read its certificate again.
    func hangUp() { process.signal(SIGHUP) }
    var log: String { (try? String(contentsOfFile: place.folder.appending(path: ".flow/flowd.log").path, encoding: .utf8)) ?? "" }

    func stop() async {
        process.signal(SIGTERM)
        await process.ended()
    }
}

/// The three ways to an engine. The same commands mean the same in each.
enum Mode: String, CaseIterable, Sendable {
    case embedded, socket, url
}

extension Place {
    /// A place in one of the modes; `work` gets the environment that its commands need.
    static func with(
        _ mode: Mode, inventory: String? = nil, _ work: (Place, [String: String]) async throws -> Void
    ) async throws {
        let place = try Place()
        if let inventory {
            try place.makeHome()
            try place.writeHome("inventory.yaml", inventory)
        }
        guard mode != .embedded else {
            try await work(place, [:])
            return try await place.leave()
        }
        let served = try await Served.start(in: place)
        do {
            let token = mode == .url ? try await served.token("ada", role: "author") : nil
            try await work(place, mode == .url ? served.environment(token: token) : [:])
        } catch {
            await served.stop()
            throw error
        }
        await served.stop()
        try await place.leave()
    }

    /// Ids of all runs there are.
    func runs(_ environment: [String: String] = [:]) async throws -> [String] {
        let list = try await run("list", "-o", "json", environment: environment)
        return try list.json["items"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
    }
}
