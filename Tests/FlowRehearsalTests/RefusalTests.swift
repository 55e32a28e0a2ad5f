import FlowDSL
import FlowModel
import FlowRehearsal
import Testing

@Suite("A rehearsal that cannot be", .timeLimit(.minutes(1)))
struct RehearsalRefusalTests {
    private func fault(_ body: () async throws -> RehearsalResult) async -> FlowError? {
        do {
            let result = try await body()
            Issue.record("it was rehearsed: \(result)")
            return nil
        } catch {
            return error as? FlowError
        }
    }

    @Test func `names steps, hosts and signals that there are, all at once`() async throws {
        let release = try RehearsalTests.release()
        let error = await fault {
            try await release.failing("swich").unreachable("web-11").rejecting("build").expiring("deploy").run()
        }
        #expect(error?.code == .usage)
        let messages = error?.errors.map { "\($0.subject): \($0.message)" } ?? []
        #expect(messages.count == 4, "\(messages)")
        #expect(messages.contains { $0.contains("--fail swich:") && $0.contains("did you mean 'switch'") }, "\(messages)")
        #expect(messages.contains { $0.contains("--unreachable web-11") && $0.contains("'web-1'") }, "\(messages)")
        #expect(messages.contains { $0.contains("--reject build") && $0.contains("step 'build' is a shell") }, "\(messages)")
        let signal = await fault { try await Rehearsal(of: Waits.self).signal("paymnt", 1).run() }
        #expect(signal?.errors.first?.message.contains("they wait for: payment") == true, "\(signal.debugDescription)")
    }

    @Test func `gives an output of another type, or answers that do not fit`() async throws {
        let release = try RehearsalTests.release()
        let error = await fault { try await release.output(["path": 7], of: "build").run() }
        #expect(error?.errors.first?.message.contains("{path: String, sha256: String}") == true, "\(error.debugDescription)")
        #expect(error?.errors.first?.message.contains("sha256: missing") == true, "\(error.debugDescription)")
        let answers = await fault { try await Rehearsal(of: Gates.self).approving("how", answers: ["size": "xl"]).run() }
        #expect(answers?.errors.first?.message.contains("size: must be one of s, m") == true, "\(answers.debugDescription)")
        let signal = await fault { try await Rehearsal(of: Waits.self).signal("payment", ["invoice": "A"]).run() }
        #expect(signal?.errors.first?.message.contains("amount") == true, "\(signal.debugDescription)")
    }

    @Test func `lacks an input or a host`() async throws {
        let inputs = await fault { try await Rehearsal(of: ReleaseWeb.self, hosts: RehearsalTests.web).run() }
        #expect(inputs?.code == .inputs && inputs?.message.hasPrefix("Nothing was rehearsed") == true, "\(inputs.debugDescription)")
        let hosts = await fault { try await Rehearsal(of: ReleaseWeb.self, inputs: ["version": "1.4.2"]).run() }
        #expect(hosts?.code == .selector && hosts?.message.hasPrefix("Nothing was rehearsed") == true, "\(hosts.debugDescription)")
    }

    @Test func `has options that cannot be read, all told at once`() throws {
        var options = RehearsalOptions()
        options.fail = ["switch=soon", "=1", "switch=", "switch=1x2", "deploy[web-1]/switch=lost", "a=timeoutx3", "b=x2"]
        options.output = ["build", "build={", "build={}"]
        options.take = ["build=soon", "build=-1", "build=2.5"]
        options.approve = ["go=[]", "go", "go={}"]
        options.reject = ["go=1"]
        options.signal = ["payment", "payment=1"]
        options.decide = ["book=wait", "book=retry"]
        options.at = "tomorrow"
        let error = try #require(throws: FlowError.self) { try RehearsalScript(options) }
        #expect(error.errors.count == 12, "\(error)")
        options = RehearsalOptions()
        options.fail = ["switch=1x2", "deploy[web-1]/switch=lost", "a=timeoutx3", "b=x2", "c"]
        let script = try RehearsalScript(options)
        #expect(script.faults.map(\.value.failure) == [.status(1), .lost, .timeout, .status(nil), .status(nil)])
        #expect(script.faults.map(\.value.times) == [2, nil, 3, 2, nil])
    }

    @Test func `names hosts, elements and decisions that there are`() async throws {
        let release = try RehearsalTests.release()
        func message(_ body: () async throws -> RehearsalResult) async -> String { await fault(body)?.errors.first?.message ?? "" }
        let host = await message { try await release.failing("deploy[web-9]/switch").run() }
        #expect(host.contains("'web-9' is no host of the inventory; did you mean 'web-"), "\(host)")
        let far = await message { try await release.failing("switch[db-*]").run() }
        #expect(far.contains("'db-*' is no host of the inventory, which has: web-1, web-2, web-3"), "\(far)")
        let element = await message { try await Rehearsal(of: Provision.self, inputs: ["token": "x"]).failing("each[a]/greet").run() }
        #expect(element.contains("the elements of 'each' are numbers from 0, found [a]"), "\(element)")
        let call = await message { try await Rehearsal(of: Provision.self, inputs: ["token": "x"]).failing("greet > create").run() }
        #expect(call.contains("no step of the flow is called 'greet > create'"), "\(call)")
        let decision = await message { try await Rehearsal(of: Waits.self).deciding("book", .release).run() }
        #expect(decision.contains("'book' is a shell, with which a person does one of =retry, =skip, =succeeded, =failed"), "\(decision)")
        let undo = await message { try await Rehearsal(of: Held.self, hosts: ["a"]).deciding("deploy", .undo).run() }
        #expect(undo.contains("'deploy' is a rollout") && undo.contains("=release") && !undo.contains("=undo"), "\(undo)")
        let never = await message { try await Rehearsal(of: Waits.self).deciding("night", .skip).run() }
        #expect(never.contains("step 'night' is a sleep: none that waits for a person"), "\(never)")
    }

    @Test(arguments: ["1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"])
    func `starts at a moment that a run cannot start at`(moment: String) async throws {
        let error = await fault { try await RehearsalTests.release().starting(at: moment).run() }
        #expect(error?.errors.first?.message.hasPrefix("must be a time from 1970-01-01T00:00:00.000Z to 9899-") == true, "\(error.debugDescription)")
    }
}
