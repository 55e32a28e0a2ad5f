import FlowXML
import Testing

/// Expressions and documents that together are too much. libxml2's own evaluation takes minutes for some of them, within its own limit.
@Suite("Work of an evaluation", .timeLimit(.minutes(2)))
struct WorkTests {
    private static let flat = "<r>\((0..<60_000).map { "<a>\(1_000_000 + $0)</a>" }.joined())</r>"
    private static let deep =
        String(repeating: "<a>", count: 199) + String(repeating: "<b>xy</b>", count: 40_000) + String(repeating: "</a>", count: 199)

    @Test(arguments: [
        "//*//*//*", "//*[count(//*) > 1]", "//a[string-length(/) = 0]", "//a[number(/) = 0]", "//a[. = /]", "//a[contains(/, 'zzz')]",
        "//*/following::*/preceding::*", "//*[following::*[preceding::*]]", "//a[//a = //a]", "//a = //a", "//a != //a", "//a < //a", "//a | //a",
        "translate(/, /, 'x')", "translate(/, 'x', /)", "//a[translate(/, 'x', 'y')]", "concat(/,/,/,/,/,/,/,/,/,/,/,/,/,/,/,/)",
        "concat(concat(concat(/,/),concat(/,/)),concat(concat(/,/),concat(/,/)))", "//a[sum(//a) > 0]", "normalize-space(/)",
        "//a[normalize-space(/)]", "//node()[../node()[../node()[../node()]]]", "//a[last()]/preceding-sibling::a[last()]",
        "//a/preceding-sibling::a[1]", "//*/ancestor-or-self::*//*", "contains(/, 'zzzz')", "substring(/, 5)", "//a[lang('en')]",
        "//a[starts-with(//a, //a)]", "//a[substring-after(/, //a)]", "//a[position() = last()]", "string(//a[. > 1][. > 2][. > 3])",
    ])
    func `is bounded`(expression: String) throws {
        for text in [Self.flat, Self.deep] {
            let document = try XMLDocument(text, limits: XMLLimits(values: .max, valueBytes: .max))
            var said: XMLFault?
            let seconds = try cpuSeconds { said = try fault(expression, on: document) }
            #expect(said == nil || said == .tooMuchWork(limit: 20_000_000), "\(expression): \(said.debugDescription)")
            #expect(seconds < 10, "\(expression): \(seconds) s")
        }
    }

    @Test func `what is usual is far from its bound`() throws {
        let items = (0..<10_000).map { "<item n='\($0)'><name>host\($0)</name><state>\($0 % 2 == 0 ? "up" : "down")</state></item>" }.joined()
        let document = try XMLDocument("<r>\(items)</r>", limits: XMLLimits(steps: 1_000_000))
        for expression in [
            "//item[state = 'up']/name", "//item[@n > 9990]/name/text()", "count(//item[contains(name, '99')])", "//name[../state != 'up']",
            "/r/item[last()]/name", "//item[not(name = following-sibling::item[1]/name)][1]/@n", "sum(//@n)", "normalize-space(//item[5000])",
        ] {
            let said = try fault(expression, on: document)
            #expect(said == nil, "\(expression): \(said.debugDescription)")
        }
    }

    @Test func `one that is too much says so`() throws {
        let document = try XMLDocument(Self.flat, limits: XMLLimits(steps: 1_000))
        #expect(try fault("//a", on: document) == .tooMuchWork(limit: 1_000))
        #expect(XMLFault.tooMuchWork(limit: 1_000).description.contains("more than 1000 steps"))
    }
}
