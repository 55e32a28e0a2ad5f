import FlowModel
import Testing

/// What the rest of Flow relies on when it asks a kind of work.
@Suite("Kinds of work", .timeLimit(.minutes(10)))
struct WorkKindTests {
    /// The steps whose output something reads that is written as JSON, wherever it stands there.
    private static func sources(in json: JSON) -> Set<String> {
        switch json {
        case .object(let members):
            if let node = members["output"]?.stringValue { return [node] }
            return members.values.reduce(into: []) { $0.formUnion(sources(in: $1)) }
        case .array(let elements): return elements.reduce(into: []) { $0.formUnion(sources(in: $1)) }
        default: return []
        }
    }

    private static func sources(in expressions: [FlowModel.Expression]) -> Set<String> {
        var found: Set<String> = []
        for expression in expressions { expression.forEach { if case .output(let node, _) = $0 { found.insert(node) } } }
        return found
    }

    @Test func `every kind has a sample here, and no two have one name`() {
        #expect(Set(WorkSample.all.map { type(of: $0).kind }) == Set(WorkKinds.all.map { $0.kind }))
        #expect(Set(WorkKinds.all.map { $0.kind }).count == WorkKinds.all.count)
        for kind in WorkKinds.all { #expect(WorkKinds.named(kind.kind) == kind) }
    }

    @Test func `every value in a plan is an expression of its step, binds the approval before it, and reaches the worker or chooses it`() throws {
        for spec in WorkSample.all {
            let written = Self.sources(in: try JSON(encoding: Node.Kind.work(Work(spec))))
            #expect(!written.isEmpty)
            #expect(Self.sources(in: spec.expressions) == written, "\(type(of: spec))")
            #expect(Self.sources(in: spec.bound) == written, "\(type(of: spec)): say here why one of them need not be voted on")
            let values = WorkValues(
                in: SampleScope(), node: "here", output: nil, binary: Digest(bytes: [UInt8](repeating: 1, count: 32)))
            let order = try spec.order(values)
            let target = Self.sources(in: [spec.target].compactMap { $0 })
            for source in written.subtracting(target) {
                #expect("\(order)".contains("value of \(source)"), "\(type(of: spec)) drops \(source)")
            }
        }
    }

    @Test func `every text of an order may hold a secret, and is opened`() throws {
        for spec in WorkSample.all {
            let values = WorkValues(
                in: SampleScope(), node: "here", output: nil, binary: Digest(bytes: [UInt8](repeating: 1, count: 32)))
            let order = try spec.order(values)
            let opened = "\(order.mapTexts { $0.hasPrefix("value of") ? "opened" : $0 })"
            #expect(!opened.contains("value of"), "\(type(of: spec)): \(opened)")
        }
    }

    @Test func `what is assumed of its output is of its shape, as far as it goes`() {
        for spec in WorkSample.all {
            guard case .object(let fields)? = spec.outputShape(declared: nil), case .object(let members) = spec.assumedOutput(nil) else { continue }
            for (name, value) in members {
                let shape = fields.first { $0.name == name }?.shape
                #expect(shape?.faults(in: value) == [], "\(type(of: spec)).\(name)")
            }
        }
    }

    @Test func `what is made up for a rehearsal is of its shape, and so is what somebody gives`() {
        let declared = TypeShape.object([
            .init(name: "names", shape: .list(.string)), .init(name: "count", shape: .optional(.int)), .init(name: "by", shape: .dictionary(.double)),
        ])
        for spec in WorkSample.all {
            for shape in [nil, declared] {
                let made = spec.rehearsedOutput(of: "here", declared: shape, given: nil)
                let faults = spec.outputShape(declared: shape)?.faults(in: made) ?? []
                #expect(faults == [], "\(type(of: spec))")
                guard let own = spec.givenShape(declared: shape) else { continue }
                let given = spec.rehearsedOutput(of: "here", declared: shape, given: own.invented(as: "there"))
                #expect(spec.outputShape(declared: shape)?.faults(in: given) == [], "\(type(of: spec))")
                #expect(given.canonical.contains("<there") == own.invented(as: "there").canonical.contains("<there"), "\(type(of: spec))")
            }
            #expect(spec.rehearsedFailure(status: 3).isRetryable, "\(type(of: spec)): a retry: is of no use in a rehearsal")
        }
    }

    /// What every step has; a kind's own members stand beside these.
    private static let everyStep = ["id", "name", "scope", "part", "finally", "kind", "needs", "guards", "policy", "output", "location"]

    @Test func `a kind is written flat, and its members are its own`() throws {
        let copy = Node(id: "a", name: "a", kind: .copy(CopySpec(from: .literal("/a"), to: .literal("/b"))))
        let text = #"{"from":"/a","id":"a","kind":"copy","name":"a","to":"/b"}"#
        #expect(try JSON(encoding: copy).canonical == text)
        #expect(try JSON.parse(text).read(as: Node.self) == copy)
        for spec in WorkSample.all {
            let kind = Node.Kind.work(Work(spec))
            #expect(try JSON(encoding: kind).read(as: Node.Kind.self) == kind)
            let members = try #require(try JSON(encoding: spec).objectValue)
            #expect(members.keys.filter(Self.everyStep.contains) == [], "\(type(of: spec))")
        }
        for kind in [Node.Kind.sleep(.literal(1)), .sleepUntil(.literal("x")), .choice(.literal(true)), .waitFor(SignalSpec(signal: "go"))] {
            #expect(try JSON(encoding: kind).read(as: Node.Kind.self) == kind)
        }
    }

    @Test func `a kind that is not known is refused with those that are`() throws {
        for (text, words) in [
            (#"{"kind":"teleport"}"#, "there is no kind of step 'teleport'"), (#"{}"#, "is missing"), (#"{"kind":"sleep"}"#, "is missing"),
            (#"{"kind":"shell"}"#, "'command' or a 'script', found neither"), (#"{"kind":"map","width":1}"#, "'hosts' or a 'list', found neither"),
        ] {
            do {
                _ = try JSON.parse(text).read(as: Node.Kind.self)
                Issue.record("\(text) is taken")
            } catch {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
    }
}
