import FlowModel
import FlowTestKit
import Foundation
import Synchronization
import Testing
import Workers

@Suite("SSH deadlines", .enabled(if: needsLab == nil, "needs root and sshd"), .timeLimit(.minutes(1)))
struct SSHDeadlineTests {
    private static var short: SSHLimits {
        var limits = SSHLimits()
        limits.connect = .milliseconds(800)
        limits.keyExchange = .milliseconds(800)
        limits.authenticate = .milliseconds(800)
        limits.channel = .milliseconds(800)
        limits.exec = .milliseconds(800)
        limits.drain = .milliseconds(300)
        limits.keepalive = .milliseconds(400)
        limits.keepaliveAnswer = .milliseconds(800)
        return limits
    }

    /// What each misbehaviour has to end as: the phase, and whether the command may have run.
    private static func expected(_ behaviour: HostileServer.Behaviour) -> (phase: TransportError.Phase, mayHaveRun: Bool) {
        switch behaviour {
        case .dropsConnections: (.connect, false)
        case .silent, .closesAtOnce, .bannerOnly, .closesAfterBanner, .floodsLines, .tricklesBanner, .stopsAfterKeyInit,
            .floodsAfterKeyInit:
            (.keyExchange, false)
        case .hangsAtAuthentication, .refusesAuthentication: (.authenticate, false)
        case .hangsAtChannel, .refusesChannels: (.channel, false)
        case .refusesExec: (.exec, false)
        case .hangsAtExec, .diesAtExec: (.exec, true)
        case .hangsInOutput, .diesInOutput, .endsWithoutStatus, .closesWithoutStatus, .floodsIgnores: (.stream, true)
        case .statusWithoutEnd: (.stream, true)
        }
    }

    @Test(arguments: HostileServer.Behaviour.allCases.filter { $0 != .statusWithoutEnd && $0 != .floodsIgnores })
    func `a server that misbehaves ends by its deadline, and a healthy host is served meanwhile`(
        behaviour: HostileServer.Behaviour
    ) async throws {
        try await withLab(limits: Self.short) { lab, pool in
            let server = try HostileServer(behaviour, identityFile: lab.identityFile)
            let healthy = lab.hosts[0].host
            // The healthy host's own login is not what is measured.
            _ = try await pool.run("true", on: healthy)
            let isOver = Mutex(false)
            let start = ContinuousClock.now
            async let served: Int = {
                var count = 0
                while !isOver.withLock({ $0 }) || count == 0 {
                    let text = try await pool.run("echo well", on: healthy).text
                    #expect(text == "well\n")
                    count += 1
                }
                return count
            }()
            let error = try #require(await transportError { _ = try await pool.run("true", on: server.host) })
            let took = ContinuousClock.now - start
            isOver.withLock { $0 = true }
            let count = try await served
            #expect(count > 0)
            server.stop()
            let expected = Self.expected(behaviour)
            #expect(error.phase == expected.phase, "\(error)")
            #expect(error.mayHaveRun == expected.mayHaveRun, "\(error)")
            #expect(error.message.contains("hostile-\(behaviour)"), "\(error)")
            #expect(took < .seconds(5), "\(behaviour) held on for \(took)")
        }
    }

    @Test func `an exit status is told even when the channel never ends`() async throws {
        try await withLab(limits: Self.short) { lab, pool in
            let server = try HostileServer(.statusWithoutEnd, identityFile: lab.identityFile)
            let done = try await pool.run("true", on: server.host)
            #expect(done.text == "some output\n")
            #expect(done.status == 3)
            server.stop()
        }
    }

    @Test func `a server that floods beside the channel holds up nobody`() async throws {
        try await withLab(limits: Self.short) { lab, pool in
            let server = try HostileServer(.floodsIgnores, identityFile: lab.identityFile)
            let flooded = try await pool.transport(to: server.host).open("true")
            for _ in 0..<20 { try await pool.expect("echo well", on: lab.hosts[0].host, says: "well\n") }
            flooded.close()
            server.stop()
        }
    }

    @Test func `a port where nobody listens is refused at once`() async throws {
        let pool = try SSHPool()
        let host = FlowModel.Host(
            name: "nobody", address: "127.0.8.1", port: 9, user: "ops", identityFile: "/nonexistent",
            hostKeys: ["ssh-ed25519 AAAA"])
        let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
        #expect(error.phase == .connect)
        #expect(error.isTransient)
        #expect(error.message.contains("Connection refused"))
        await pool.shutDown()
    }

    @Test func `a thousand hosts that hang do not delay a healthy one`() async throws {
        var limits = SSHLimits()
        limits.keyExchange = .seconds(8)
        try await withLab(limits: limits) { lab, pool in
            let server = try HostileServer(.silent, identityFile: lab.identityFile)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<1000 {
                    var host = server.host
                    host.name = "hung-\(number)"
                    group.addTask { [host] in _ = try? await pool.transport(to: host).open("true") }
                }
                // Those that have their turn hang by now.
                try? await eventually("nobody connected") { server.connectionCount >= limits.concurrentHandshakes }
                let start = ContinuousClock.now
                let text = try? await pool.run("echo well", on: lab.hosts[0].host).text
                let took = ContinuousClock.now - start
                #expect(text == "well\n")
                // 1000 hung hosts at 64 for each quarter of a second are four seconds; one deadline each would be minutes.
                #expect(took < .seconds(7), "it took \(took)")
                group.cancelAll()
            }
            server.stop()
        }
    }

    @Test func `a name that does not resolve fails in its phase`() async throws {
        let pool = try SSHPool()
        let host = FlowModel.Host(name: "lost", address: "no-such-host.invalid", hostKeys: ["ssh-ed25519 AAAA"])
        let error = try #require(await transportError { _ = try await pool.run("true", on: host) })
        #expect(error.phase == .resolve)
        await pool.shutDown()
    }
}
