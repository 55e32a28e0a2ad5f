import FlowDSL
import FlowModel
import Testing

private enum Level: String, Codable, Sendable { case low, high }

private struct Inner: Codable, Sendable {
    var count: Int
    var note: String?
}

private struct Outer: Codable, Sendable {
    var name: String
    var level: Level
    var inner: Inner
    var list: [Inner]
    var table: [String: Double]
    var maybe: Inner?
    var flag: Bool
    var digest: String

    enum CodingKeys: String, CodingKey { case name, level, inner, list, table, maybe, flag, digest = "sha-256" }
}

/// Contains itself.
private final class Tree: Codable, Sendable {
    let name: String
    let children: [Tree]
    init(name: String, children: [Tree]) {
        self.name = name
        self.children = children
    }
}

private struct Shapes: Flow {
    var body: some FlowBody {
        let outer = shell("outer", "true", output: Outer.self)
        shell("reads", "echo \(outer.digest) \(outer.inner.count) \(outer.maybe.note.default("")) \(outer.flag)")
        step("tree") { context in Tree(name: "a", children: []) }
        let nothing = step("nothing") { context in context.log("x") }
        shell("last", "true", after: [nothing])
    }
}

/// Cannot be made from nothing.
private enum Outcome: Codable, Sendable { case ok(String), bad(Int) }

private struct Version: Codable, Sendable {
    var parts: [Int]
    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        parts = text.split(separator: ".").compactMap { Int($0) }
        guard parts.count == 3 else { throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: text)) }
    }
    func encode(to encoder: any Encoder) throws { try parts.map(String.init).joined(separator: ".").encode(to: encoder) }
}

private struct Artifact: Codable, Sendable {
    var version: Version
    var outcome: Outcome
    var digest: String
    var renamed: String
    var size: Int { 1 }

    enum CodingKeys: String, CodingKey { case version, outcome, digest, renamed = "sha-256" }
}

private struct Guarded: Flow {
    var body: some FlowBody {
        let made = shell("made", "true", output: Artifact.self)
        shell("reads", "echo \(made.digest)")
    }
}

private struct ReadsComputed: Flow {
    var body: some FlowBody {
        let made = shell("made", "true", output: Artifact.self)
        shell("reads", "echo \(made.size)")
        shell("reads-too", "echo \(made.renamed)")
    }
}

@Suite("Shapes of declared types", .timeLimit(.minutes(10)))
struct ShapeTests {
    @Test func `a struct's shape has its coded members, nested, optional and renamed`() throws {
        let inner = TypeShape.object([
            .init(name: "count", shape: .int), .init(name: "note", shape: .optional(.string)),
        ])
        #expect(
            try plan(Shapes.self).node("outer").output
                == .object([
                    .init(name: "name", shape: .string), .init(name: "level", shape: .string),
                    .init(name: "inner", shape: inner),
                    .init(name: "list", shape: .list(inner)), .init(name: "table", shape: .dictionary(.double)),
                    .init(name: "maybe", shape: .optional(inner)), .init(name: "flag", shape: .bool),
                    .init(name: "sha-256", shape: .string),
                ]))
    }

    @Test func `a renamed member is read by its name in JSON`() throws {
        guard let shell = try plan(Shapes.self).node("reads").kind.work(as: ShellSpec.self) else { return }
        #expect(shell.variables.first?.value == .output(node: "outer", path: ["value", "sha-256"]))
        #expect(shell.variables.dropFirst().first?.value == .output(node: "outer", path: ["value", "inner", "count"]))
        #expect(diagnostics(Shapes.self) == [])
    }

    @Test func `members behind one that cannot be made from nothing are read`() throws {
        #expect(diagnostics(Guarded.self) == [])
        #expect(try plan(Guarded.self).node("made").output == .any)
        guard let shell = try plan(Guarded.self).node("reads").kind.work(as: ShellSpec.self) else { return }
        #expect(shell.variables.map(\.value).first == .output(node: "made", path: ["value", "digest"]))
        let refused = diagnostics(ReadsComputed.self)
        #expect(refused.count == 2 && refused.contains { $0.hasPrefix("the name in JSON of 'renamed' is not known") }, "\(refused)")
    }

    @Test func `a type that contains itself ends`() throws {
        #expect(try plan(Shapes.self).node("tree").output != nil)
    }

    @Test func `a step that returns nothing has no output`() throws {
        #expect(try plan(Shapes.self).node("nothing").output == nil)
    }
}
