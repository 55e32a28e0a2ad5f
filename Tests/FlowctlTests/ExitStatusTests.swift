import FlowCommand
import FlowModel
import FlowWire
import Testing

@Suite("Exit statuses are those of the contract", .timeLimit(.minutes(10)))
struct ExitStatusTests {
    @Test(arguments: [
        ["lst"], ["run"], ["run", "a.swift", "--no-such"], ["list", "--state", "sleeping"], ["list", "--limit", "0"],
        ["exec", "web"],
        ["exec", "web", "--width", "0", "--", "true"], ["skip", "019a", "build"],
        ["resolve", "019a", "build", "--as", "succeeded"],
        ["resolve", "019a", "b", "--as", "failed", "--output", "{}", "-m", "x"], ["reject", "019a"],
        ["retry", "019a", "--failed", "--from", "b"],
        ["logs", "019a", "--attempt", "1"], ["completion", "tcsh"], ["run", "a.json", "-p", "version"],
        ["token", "create", "x", "--days", "0"],
        ["list", "-o", "yaml"], ["inventory", "add", "web-1", "10.0.0.1", "--port", "0"],
        ["resolve", "019a", "b", "--as", "succeeded", "--output", "{", "-m", "x"],
    ])
    func `a command line that is wrong ends with 2 and asks nothing of a server`(arguments: [String]) async throws {
        let plan = Plan(flow: "f", nodes: [], dsl: "1")
        let world = World(plan: LoadedFile(plan: plan, revision: Sample.digest))
        let status = await runFlowctl(arguments, in: world.surroundings)
        #expect(status == .usage)
        #expect(world.out.isEmpty, "data goes to standard output, this is none")
        #expect(!world.err.isEmpty)
        #expect(world.calls.isEmpty)
    }

    @Test(arguments: [
        (FlowError.Code.usage, CommandExit.usage), (.inputs, .usage), (.load, .usage), (.selector, .usage),
        (.notFound, .notFound),
        (.unauthenticated, .refused), (.forbidden, .refused), (.conflict, .refused), (.keyReused, .refused),
        (.storage, .unavailable),
        (.owned, .unavailable), (.database, .unavailable), (.unreachable, .unavailable), (.overloaded, .unavailable),
    ])
    func `what a server refuses decides the status`(code: FlowError.Code, status: CommandExit) async {
        let problem = Sample.json(Wire.Problem(FlowError(code, subject: "x", "It was not done.", hint: "flowctl list")))
        let world = World { _, _ in .json(problem, status: code.httpStatus) }
        #expect(await world.run("show", "019a") == status)
        #expect(world.err == "flowctl: It was not done.\nNext: flowctl list\n")
        #expect(world.out.isEmpty)
    }

    @Test func `a server that is not there is 5`() async {
        let world = World()
        #expect(await world.run("list") == .unavailable)
        #expect(world.err.contains("No answer from http://flow.test: nobody listens there."))
    }

    @Test func `an answer that is no JSON is 5 and says so`() async {
        let world = World { _, _ in .bytes(Array("<html>".utf8)) }
        #expect(await world.run("list") == .unavailable)
        #expect(world.err.contains("does not understand"))
    }

    @Test func `a proxy's own refusal is understood by its status`() async {
        let world = World { _, _ in .bytes(Array("<html>no</html>".utf8), status: 403) }
        #expect(await world.run("list") == .refused)
    }

    @Test func `a flow file that does not load is 2 and opens nothing`() async {
        let world = World(environment: [:])
        #expect(await world.run("run", "flows/patch.swift") == .usage)
        #expect(world.err.contains("flows/patch.swift:31: drian: there is no such step. Did you mean 'drain'?"))
        #expect(world.known.opened + world.known.detached == 0)
    }

    @Test func `a server and a home are two places`() async {
        #expect(await World(environment: [:]).run("list", "--server", "http://a", "--home", "/b") == .usage)
        #expect(await World(environment: [:]).run("list", "--server", "flow.example.org") == .usage)
    }
}
