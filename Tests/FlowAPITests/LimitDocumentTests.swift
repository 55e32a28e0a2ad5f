import Foundation
import Testing

/// `docs/reference/limits.md` has every bound that has a name, with its value, and no other.
@Suite("Limits in the documents", .timeLimit(.minutes(10)))
struct LimitDocumentTests {
    @Test func `every named limit is on the page with the value of the source`() throws {
        let source = try NamedLimit.inSources()
        #expect(source.count > 100)
        let page = try NamedLimit.onPage()
        let missing = source.filter { limit in !page.contains { $0.name == limit.name } }
        #expect(missing.isEmpty, "put these into docs/reference/limits.md:\n\(NamedLimit.rows(missing))")
        let gone = page.filter { limit in !source.contains { $0.name == limit.name } }
        #expect(gone.isEmpty, "take these out of docs/reference/limits.md:\n\(NamedLimit.rows(gone))")
        let other = source.filter { limit in page.contains { $0.name == limit.name && $0.value != limit.value } }
        #expect(other.isEmpty, "docs/reference/limits.md has other values than:\n\(NamedLimit.rows(other))")
        #expect(Set(page.map(\.name)).count == page.count, "a limit is on the page twice")
    }

    @Test func `values are written as people write them`() {
        #expect(NamedLimit.written("64 << 20", of: "fileBytes") == "64 MiB")
        #expect(NamedLimit.written("4_096", of: "textBytes") == "4 KiB")
        #expect(NamedLimit.written("512", of: "keyBytes") == "512 B")
        #expect(NamedLimit.written("1_800.0", of: "blobSeconds") == "1,800 s")
        #expect(NamedLimit.written("0.25", of: "followSeconds") == "0.25 s")
        #expect(NamedLimit.written("Duration.milliseconds(250)", of: "handshakeSlot") == "250 ms")
        #expect(NamedLimit.written("100", of: "lookMilliseconds") == "100 ms")
        #expect(NamedLimit.written("16_384", of: "inbox") == "16,384")
        #expect(NamedLimit.written("other.value", of: "inbox") == nil)
    }
}

/// A bound as the source or the page has it.
private struct NamedLimit: Equatable {
    /// `StoreLimits.readers`
    var name: String
    var value: String
    var meaning = ""

    static func rows(_ limits: [NamedLimit]) -> String {
        limits.map { "| `\($0.name)` | \($0.value) | \($0.meaning) |" }.joined(separator: "\n")
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The members of every type of `Sources` whose name ends in `Limits`; what only tests use is left out.
    static func inSources() throws -> [NamedLimit] {
        let sources = root.appending(path: "Sources")
        let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path)
            .filter { $0.hasSuffix(".swift") && !$0.hasPrefix("FlowTestKit/") }.sorted()
        return try files.flatMap { try members(of: String(contentsOf: sources.appending(path: $0), encoding: .utf8)) }
    }

    private static func members(of source: String) throws -> [NamedLimit] {
        var limits: [NamedLimit] = []
        var type: String?
        var comment: [String] = []
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            if let found = line.firstMatch(of: /^(?:package |public )?(?:enum|struct) (\w*Limits)\b/) {
                type = String(found.output.1)
            } else if line == "}" {
                type = nil
            } else if let text = line.firstMatch(of: /^ +\/\/\/ ?(.*)$/) {
                comment.append(String(text.output.1))
                continue
            } else if let type, let found = line.firstMatch(of: /^    (?:package )?(?:static let|var) (\w+)(?:: \w+)? = (.+)$/) {
                let member = String(found.output.1)
                let value = try #require(written(String(found.output.2), of: member), "\(type).\(member) = \(found.output.2)")
                limits.append(NamedLimit(name: "\(type).\(member)", value: value, meaning: comment.joined(separator: " ")))
            }
            comment = []
        }
        return limits
    }

    /// The value with its unit; nil when it is not a number that can be read here.
    static func written(_ expression: String, of name: String) -> String? {
        if let duration = expression.firstMatch(of: /^(?:Duration)?\.(seconds|milliseconds)\(([\d_.]+)\)$/) {
            return number(String(duration.output.2)).map { "\(grouped($0)) \(duration.output.1 == "seconds" ? "s" : "ms")" }
        }
        let factors = expression.components(separatedBy: " << ").map(number)
        guard let first = factors[0], factors.count == 1 || factors.count == 2 && factors[1] != nil else { return nil }
        let value = factors.count == 1 ? first : first * pow(2, factors[1] ?? 0)
        if name.hasSuffix("Bytes") {
            for (unit, power) in [("GiB", 30.0), ("MiB", 20), ("KiB", 10)] where value.truncatingRemainder(dividingBy: pow(2, power)) == 0 {
                return "\(grouped(value / pow(2, power))) \(unit)"
            }
            return "\(grouped(value)) B"
        }
        return grouped(value) + (name.hasSuffix("Seconds") ? " s" : name.hasSuffix("Milliseconds") ? " ms" : "")
    }

    private static func number(_ text: String) -> Double? { Double(text.replacing("_", with: "")) }

    private static func grouped(_ value: Double) -> String {
        guard value == value.rounded() else { return "\(value)" }
        var digits = String(Int(value))
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: ",")
    }

    /// The rows of the page: name, value, meaning.
    static func onPage() throws -> [NamedLimit] {
        let page = try String(contentsOf: root.appending(path: "docs/reference/limits.md"), encoding: .utf8)
        return page.matches(of: /\| `(\w*Limits\.\w+)` \| ([^|]+) \| ([^|]+) \|/).map { row in
            NamedLimit(name: String(row.output.1), value: String(row.output.2), meaning: String(row.output.3))
        }
    }
}
