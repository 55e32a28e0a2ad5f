import FlowXML
import Foundation
import Testing

/// Documents and expressions that are nearly good. `FLOW_FUZZ` sets how many of each, `FLOW_SEED` where they begin.
@Suite("Nearly good XML and XPath", .timeLimit(.minutes(10)))
struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let count = environment["FLOW_FUZZ"].flatMap { UInt64($0) } ?? 5_000
    private static let first = environment["FLOW_SEED"].flatMap { UInt64($0) } ?? 0

    /// Some bytes replaced, removed, repeated or moved.
    private func changed(_ bytes: [UInt8], _ words: [String], _ numbers: inout SeededNumbers) -> [UInt8] {
        var bytes = bytes
        for _ in 0...numbers.below(2) where !bytes.isEmpty {
            let place = numbers.below(bytes.count)
            let stretch = place..<min(bytes.count, place + 1 + numbers.below(12))
            switch numbers.below(6) {
            case 0: bytes[place] = UInt8(numbers.below(256))
            case 1: bytes[place] = numbers.one(of: Array("<>/&'\"[]()=!-?: x1@*|$".utf8))
            case 2: bytes.removeSubrange(stretch)
            case 3: bytes.insert(contentsOf: bytes[stretch], at: numbers.below(bytes.count))
            default: bytes.insert(contentsOf: numbers.one(of: words).utf8, at: place)
            }
        }
        return bytes
    }

    @Test func `documents are read or refused, and mean what they mean to libxml2`() throws {
        let words = [
            "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "</", "/>", "&amp;", "&#38;", "&#x0;", "&x;", " xmlns='u'", " xmlns:p='v'", "p:",
            "\u{FEFF}", "\0",
            "<!DOCTYPE a>", "\u{1}", "\r\n", "=''", "<a b='", "<p:a p:b=\"\"",
        ]
        let xpaths = try ["string(/)", "//@*", "//a[2]|//p:a|//text()", "//*[.//*]"].map { try XPath($0, namespaces: ["p": "urn:p"]) }
        var read = 0
        for seed in Self.first..<Self.first + Self.count {
            var inventions = Inventions(seed: seed)
            let good = inventions.numbers.below(4) == 0 ? Samples.envelope : inventions.document()
            let bytes = changed(Array(good.utf8), words, &inventions.numbers)
            let seconds = try cpuSeconds {
                guard let document = try? XMLDocument(bytes: bytes) else { return }
                read += 1
                for xpath in xpaths { _ = try document.value(of: xpath) }
                guard let theirs = Oracle.value(of: "string(/)", in: bytes) else {
                    Issue.record("seed \(seed): libxml2 does not read \(bytes)")
                    return
                }
                let mine = try document.value(of: xpaths[0])
                #expect(mine == theirs, "seed \(seed)")
            }
            #expect(seconds < 5, "seed \(seed)")
        }
        #expect(read > Self.count / 20 && read < Self.count * 19 / 20, "\(read) of \(Self.count) were read")
    }

    @Test func `expressions are taken where libxml2 takes them`() throws {
        let words = [
            "//", "::", "[1]", "[", "]", "(", ")", "and", " or ", " div ", "'", "\"", "@", "*", "p:", "p:*", "x:y", "$v", "text()", "..", ".", "|",
            "-", "1.", ".5",
            "last()", "id('x')", "f()", "namespace::a", ",", "ä", "\u{0}", "child::",
        ]
        // What libxml2 finds out when it evaluates, and what it does not mind: `a(`, `///a`, `1 mod-1`, `p :a`, `/ /a`.
        let ours = [
            "function", "takes", "needs nodes", "a predicate or a step needs", "joins nodes", "'namespace' is no axis", "inside each other",
            "in a row",
            "missing before its end", "missing before '/", "is no operator", "':' has no meaning", "does not fit there",
        ]
        var taken = 0
        for seed in Self.first..<Self.first + Self.count {
            var inventions = Inventions(seed: seed)
            let good = inventions.expression()
            let text = String(decoding: changed(Array(good.utf8), words, &inventions.numbers), as: UTF8.self)
            // Beyond ASCII libxml2 knows the names of an older edition of XML.
            let isPlain = text.utf8.allSatisfy { $0 < 0x80 && $0 > 0 }
            do {
                let xpath = try XPath(text, namespaces: ["p": "urn:p"])
                taken += 1
                _ = try XMLDocument(inventions.document()).value(of: xpath)
                #expect(!isPlain || Oracle.isExpression(text, ["p": "urn:p"]), "seed \(seed): \(text) was taken")
            } catch let fault as XPathFault {
                let isOurs = ours.contains { fault.why.contains($0) }
                #expect(!isPlain || isOurs || !Oracle.isExpression(text, ["p": "urn:p"]), "seed \(seed): \(fault)")
            }
        }
        #expect(taken > Self.count / 50 && taken < Self.count * 19 / 20, "\(taken) of \(Self.count) were taken")
    }
}
