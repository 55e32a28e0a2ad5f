import FlowDSL
import FlowModel
import Testing

@Suite("Mistakes in a body", .timeLimit(.minutes(10)))
struct DiagnosticTests {
    @Test func `all mistakes are reported, each once`() {
        struct Wrong: Flow {
            var body: some FlowBody {
                for _ in 0..<3 { shell("Bad name", "true") }
                shell("twice", "true")
                shell("twice", "true")
                map("empty", over: "web-*") { host in }
            }
        }
        let found = diagnostics(Wrong.self)
        #expect(found.count == 3)
        #expect(found.contains { $0.contains("'Bad name' is not a step's name") })
        #expect(found.contains { $0.contains("two steps named 'twice'") })
        #expect(found.contains { $0.contains("has no steps") })
    }

    @Test func `a member is read before a default is given, not after`() {
        struct Labels: Codable, Sendable { var labels: [String: String] }
        struct Reads: Flow {
            var body: some FlowBody {
                let meta = shell("meta", "true", output: Labels.self, onFailure: .ignore)
                shell("deploy", "deploy \(meta.labels.default([:])["stage"])")
            }
        }
        #expect(diagnostics(Reads.self) == ["a member can be read of what a step hands out and of a map's element, not of a computed value"])
    }

    /// Its name is an address in memory: it would be another revision each time.
    @Test func `no computed property of a text or list is read, wherever it comes from`() throws {
        struct Reads: Flow {
            @Param("names") var names: [String] = ["a", ""]
            var body: some FlowBody {
                map("each", over: $names) { name in shell("go", "echo \(name.description)") }
                let said = shell("said", "echo")
                shell("last", "echo \(said.stdout.hashValue) \($names.description)")
            }
        }
        let found = diagnostics(Reads.self)
        #expect(found.contains { $0.contains("of a String cannot be read in a flow's body") }, "\(found)")
        #expect(found.contains { $0.contains("of a Array<String> cannot be read") }, "\(found)")
        #expect(!String(decoding: try plan(Reads.self).canonicalBytes, as: UTF8.self).contains("0x"))
    }

    @Test func `whether there are none is known in a run`() throws {
        struct Asks: Flow {
            @Param("names") var names: [String] = ["a", ""]
            var body: some FlowBody {
                map("each", over: $names) { name in
                    when(!name.isEmpty) { shell("go", "echo \(name)") }
                    shell("end", "true")
                }
            }
        }
        #expect(diagnostics(Asks.self) == [])
        let none = Expression.compare(.equal, .count(.element(map: "each", path: [])), .literal(.int(0)))
        #expect(try plan(Asks.self).node("each/when-1").kind == .choice(.not(none)))
    }

    @Test func `a parameter of another flow is no parameter here`() {
        struct Other: Flow {
            @Param("x") var secretOfOthers: String
            var body: some FlowBody { shell("x", "true") }
        }
        struct Borrows: Flow {
            var body: some FlowBody { shell("x", "echo \(Other().$secretOfOthers)") }
        }
        #expect(diagnostics(Borrows.self).contains { $0.contains("belongs to another flow") })
    }

    @Test func `more steps than a plan may have are one mistake`() {
        struct Huge: Flow {
            var body: some FlowBody {
                parallel {
                    for number in 0...Limits.planNodes { shell("s\(number)", "true") }
                }
            }
        }
        #expect(diagnostics(Huge.self) == ["a flow has at most \(Limits.planNodes) steps"])
        #expect(plan(Huge.self).nodes.count == Limits.planNodes)
    }

    @Test func `a map's value is typed by its last step`() throws {
        struct Maps: Flow {
            var body: some FlowBody {
                let sizes = map("each", over: ["a", "bb"]) { name in
                    shell("list", "ls \(name)")
                    step("size", name) { context, name in name.count }
                }
                step("sum", sizes) { context, sizes in sizes.reduce(0, +) }
                map("hosts", over: "group:web", width: 2) { host in
                    step("who", host) { context, host in "\(host.name) \(host.labels["role"] ?? "")" }
                    shell("idc", "echo \(host.labels["idc"]) \(host.port)", on: host)
                }
            }
        }
        #expect(diagnostics(Maps.self) == [])
        guard let shell = try plan(Maps.self).node("hosts/idc").kind.work(as: ShellSpec.self) else { return }
        #expect(
            shell.variables.map(\.value) == [
                .element(map: "hosts", path: ["labels", "idc"]), .element(map: "hosts", path: ["port"]),
            ])
    }
}
