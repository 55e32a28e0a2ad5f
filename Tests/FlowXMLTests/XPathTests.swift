import FlowXML
import Foundation
import Glibc
import Synchronization
import Testing

@Suite("XPath", .timeLimit(.minutes(10)))
struct XPathTests {
    private static let document = """
        <list xml:lang="en-GB"><item id="1" n="5">one</item><item id="2" n="10">two<sub>deep</sub></item><other>x</other><item id="3">three</item></list>
        """

    @Test(arguments: [
        ("//item/@id", XMLValue.strings(["1", "2", "3"])),
        ("/list/item[2]", .strings(["twodeep"])),
        ("/list/item[last()]/@id", .strings(["3"])),
        ("/list/*[position() > 2]", .strings(["x", "three"])),
        ("//sub/..", .strings(["twodeep"])),
        ("//sub/ancestor::*[1]/@id", .strings(["2"])),
        ("//item[3]/preceding-sibling::*[1]", .strings(["x"])),
        ("//item[1]/following-sibling::item/@id", .strings(["2", "3"])),
        ("//other/preceding::item/@id", .strings(["1", "2"])),
        ("//sub/following::node()", .strings(["x", "x", "three", "three"])),
        ("//item[@n]/@n | //other", .strings(["5", "10", "x"])),
        ("(//other | //item[1])[1]", .strings(["one"])),
        ("//item[lang('en')][not(@n)]", .strings(["three"])),
        ("sum(//@n)", .number(15)),
        ("count(//item) * 2 - -1", .number(7)),
        ("7 mod 4 + -7 mod 4", .number(0)),
        ("5 div 2", .number(2.5)),
        ("1 div 0 = 2 div 0", .boolean(true)),
        ("//@n > 9", .boolean(true)),
        ("//@n = 5 and //@n != 5", .boolean(true)),
        ("not(//@n = 7) or 1 div 0", .boolean(true)),
        ("//missing = ''", .boolean(false)),
        ("//item = 'three'", .boolean(true)),
        ("2 > 1 > 1", .boolean(false)),
        ("string(1 div 3 > 0)", .string("true")),
        ("string(0.1 + 0.2)", .string("0.30000000000000004")),
        ("string(-0.5e1)", .string("error")),
        ("substring('12345', 1.5, 2.6)", .string("234")),
        ("substring('12345', 0 div 0, 3)", .string("")),
        ("substring('12345', -42, 1 div 0)", .string("12345")),
        ("substring('äöü€', 2, 2)", .string("öü")),
        ("string-length('äöü€😀')", .number(5)),
        ("translate('bar-ä', 'abä-', 'AB€')", .string("BAr€")),
        ("normalize-space('  a \t b  ')", .string("a b")),
        ("substring-before('a=b=c', '=')", .string("a")),
        ("substring-after('a=b=c', '=')", .string("b=c")),
        ("substring-after('abc', '')", .string("abc")),
        ("starts-with('abc', 'ab')", .boolean(true)),
        ("contains('abc', 'bd')", .boolean(false)),
        ("round(-2.5)", .number(-2)),
        ("floor(-2.5) + ceiling(2.1)", .number(0)),
        ("number(' 12.50 ')", .number(12.5)),
        ("number('1e3') != number('x')", .boolean(true)),
        ("string(number('100000000000000000000000'))", .string("100000000000000000000000")),
        ("string(0.000001)", .string("0.000001")),
        ("local-name(/*)", .string("list")),
        ("string(@missing)", .string("")),
        ("div div div", .number(.nan)),
        ("/list/item[@id = 2]/text()", .strings(["two"])),
        ("-//@n[1]", .number(-5)),
        ("/", .strings(["onetwodeepxthree"])),
    ])
    func `gives what the recommendation says`(expression: String, value: XMLValue) throws {
        guard value != .string("error") else {
            #expect(throws: XPathFault.self) { try XPath(expression) }
            return
        }
        let given = try XMLDocument(Self.document).value(expression)
        if case .number(let wanted) = value, case .number(let number) = given, wanted.isNaN { #expect(number.isNaN) } else { #expect(given == value) }
    }

    @Test(arguments: [
        ("", "it is empty"),
        ("//", "the name of an element is missing before its end"),
        ("//a[", "the name of an element is missing before its end"),
        ("//a[1", "']' is missing before its end"),
        ("//a]", "']' does not fit there, behind '//a'"),
        ("a b", "'b' is no operator: and, or, div and mod are, behind 'a '"),
        ("'abc", "a quoted text has no end"),
        ("$x", "it has a variable"),
        ("document('file:///etc/passwd')", "there is no function document(); there are boolean, ceiling"),
        ("id('x')", "there is no function id()"),
        ("//a[document('x')]", "there is no function document()"),
        ("count()", "count() takes one argument, and has 0"),
        ("contains('x')", "contains() takes 2 arguments, and has 1"),
        ("count('x')", "count() needs nodes"),
        ("'x'/a", "a predicate or a step needs nodes"),
        ("1[1]", "a predicate or a step needs nodes"),
        ("//a | 1", "'|' joins nodes, and what stands behind it gives none"),
        ("ec2:a", "the prefix 'ec2' is not declared; declared: none are"),
        ("namespace::a", "'namespace' is no axis; there are ancestor"),
        ("a/b()", "b() is a function, and no step of a path"),
        ("//a[@id == 1]", "the name of an element is missing before '='"),
        ("a×b", "'×' has no meaning there, behind 'a'"),
        ("'a\u{1}'", "it has a control character in it"),
        ("a[\0]", "it has a control character in it"),
        ("a#b", "'#' has no meaning there, behind 'a'"),
    ])
    func `what is no expression is told, and where`(expression: String, why: String) throws {
        let fault = #expect(throws: XPathFault.self) { try XPath(expression) }
        #expect(fault?.description.contains(why) == true, "\(fault.debugDescription)")
    }

    @Test func `prefixes that are declared are named where one is not`() throws {
        let fault = #expect(throws: XPathFault.self) { try XPath("//s3:a", namespaces: ["ec2": "urn:a", "sqs": "urn:b"]) }
        #expect(fault?.description.contains("declared: ec2, sqs") == true)
        _ = try XPath("//@xml:lang")
    }

    /// As deep as an expression can be, on the 512 KB that a thread has elsewhere.
    @Test func `what is evaluated needs little stack`() throws {
        let row = "+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1"
        let deep = String(repeating: "(", count: XPath.deepest - 1) + "1" + String(repeating: "\(row))", count: XPath.deepest - 1)
        #expect(deep.utf8.count > XPath.longest * 3 / 4 && deep.utf8.count <= XPath.longest)
        let value = Mutex(XMLValue?.none)
        let thread = Thread { value.withLock { $0 = try? XMLDocument("<a/>").value(deep) } }
        thread.stackSize = 512 << 10
        thread.start()
        while !thread.isFinished { usleep(1_000) }
        #expect(value.withLock { $0 } == .number(Double((XPath.deepest - 1) * 24 + 1)))
    }

    @Test func `length and depth have bounds`() throws {
        #expect(throws: XPathFault.self) { try XPath(String(repeating: "a", count: XPath.longest + 1)) }
        for (open, close) in [("(", ")"), ("a[", "]"), ("not(", ")"), ("concat('',", ")")] {
            let fits = String(repeating: open, count: XPath.deepest - 1) + "a" + String(repeating: close, count: XPath.deepest - 1)
            _ = try XMLDocument("<a/>").value(fits)
            let long = String(repeating: open, count: 200) + "a" + String(repeating: close, count: 200)
            let fault = #expect(throws: XPathFault.self) { try XPath(long) }
            #expect(fault?.why.hasPrefix("more than 64") == true)
        }
        // Rows have only that of the length.
        for sign in ["|", "+", " or ", "="] { _ = try XMLDocument("<a/>").value(Array(repeating: "a", count: 800).joined(separator: sign)) }
        // Each of 300 signs and steps costs a byte and no depth.
        #expect(try XMLDocument("<a>1</a>").value(String(repeating: "-", count: 301) + "a") == .number(-1))
        #expect(try XMLDocument("<a>1</a>").value("a" + String(repeating: "/.", count: 1_000)) == .strings(["1"]))
    }
}
