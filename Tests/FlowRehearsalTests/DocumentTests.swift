import FlowDSL
import FlowRehearsal
import Testing

@Suite("The release", .timeLimit(.minutes(10)))
struct ReleaseTests {
    let release: Rehearsal

    init() throws {
        let web = (1...3).map { RehearsalHost("web-\($0)", groups: ["web"]) }
        release = try Rehearsal(of: ReleaseWeb.self, inputs: ["version": "1.4.2"], hosts: web)
    }

    @Test func `a bad canary stops it, and is taken back`() async throws {
        let result = try await release.failing("deploy[web-1]/switch").run()
        #expect(result.outcome == .failed, "\(result)")
        #expect(!result.hasStarted("deploy[web-2]/package"))
        #expect(result.target("web-1", of: "deploy")?.isUndone == true)
    }

    @Test func `one bad attempt is made up for`() async throws {
        let result = try await release.failing("switch", times: 1).run()
        #expect(result.outcome == .succeeded && result.attempts(of: "switch[web-1]").count == 2)
    }

    @Test func `nothing is released that nobody has approved in a day`() async throws {
        let result = try await release.expiring("go").run()
        #expect(result.outcome == .failed && !result.hasStarted("package"))
        #expect(result.seconds >= 24 * 3_600)
    }
}
