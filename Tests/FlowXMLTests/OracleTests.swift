import FlowXML
import Foundation
import Testing

/// Thousands of expressions that chance makes, here and in libxml2. `FLOW_FUZZ` sets how many.
@Suite("XPath beside libxml2's", .timeLimit(.minutes(10)))
struct OracleTests {
    private static let count = ProcessInfo.processInfo.environment["FLOW_FUZZ"].flatMap { Int($0) } ?? 3_000
    private static let namespaces = ["p": "urn:p"]

    /// libxml2 reads decimals with an error in their last digit.
    private func isSame(_ mine: XMLValue, _ theirs: XMLValue) -> Bool {
        switch (mine, theirs) {
        case (.number(let mine), .number(let theirs)): mine == theirs || mine.isNaN && theirs.isNaN || abs(mine - theirs) < abs(mine) * 1e-14
        default: mine == theirs
        }
    }

    @Test func `gives the same`() throws {
        var (compared, found) = (0, 0)
        for seed in 0..<UInt64(Self.count) {
            var inventions = Inventions(seed: seed)
            let text = inventions.document()
            let document = try XMLDocument(text)
            for _ in 0..<10 {
                let expression = inventions.expression()
                // What follows an attribute is, for libxml2, not what is inside its element; XPath 1.0, 2.2 makes no such exception.
                if expression.contains("following::"), expression.contains("@") || expression.contains("attribute::") { continue }
                let mine = try document.value(expression, Self.namespaces)
                guard let theirs = Oracle.value(of: expression, in: text, Self.namespaces) else {
                    Issue.record("seed \(seed): libxml2 does not take \(expression)")
                    continue
                }
                compared += 1
                if case .strings(let strings) = mine, strings.count > 1 { found += 1 }
                guard !isSame(mine, theirs) else { continue }
                Issue.record("seed \(seed): \(expression)\n in \(text)\n gives \(mine)\n and there \(theirs)")
            }
        }
        #expect(compared > Self.count * 8 && found > Self.count / 10, "\(compared) compared, \(found) of them with nodes")
    }
}
