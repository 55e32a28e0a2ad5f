import CLibXML2
import FlowXML
import Foundation
import Testing

@Suite("Hostile XML", .timeLimit(.minutes(2)))
struct AttackTests {
    @Test func `a DOCTYPE is refused, whatever it is for`() {
        let laughs = (1...9).map { "<!ENTITY l\($0) \"\(String(repeating: "&l\($0 - 1);", count: 10))\">" }.joined()
        for text in [
            "<!DOCTYPE r [<!ENTITY l0 \"lol\">\(laughs)]><r>&l9;</r>",
            "<!DOCTYPE r [<!ENTITY a \"\(String(repeating: "a", count: 50_000))\">]><r>\(String(repeating: "&a;", count: 50_000))</r>",
            "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>",
            "<!DOCTYPE r SYSTEM \"http://127.0.0.1:1/x.dtd\"><r/>",
            "<!DOCTYPE r PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\"><r/>",
            "<!DOCTYPE r [<!ENTITY % p SYSTEM \"file:///etc/passwd\">%p;]><r/>",
            "<!DOCTYPE r [<!ATTLIST r a CDATA 'b'>]><r/>",
            "<?xml version='1.0'?>\n<!-- x --><!DOCTYPE r><r/>",
            "<r><!ENTITY a 'b'></r>",
        ] {
            #expect(fault(text) == .doctype)
        }
        // In UTF-16, too.
        var units: [UInt8] = [0xFF, 0xFE]
        for unit in "<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;</r>".utf16 { units += [UInt8(unit & 0xFF), UInt8(unit >> 8)] }
        #expect(fault(units) == .doctype)
    }

    @Test func `there are no entities but the five`() throws {
        for text in [
            "<r>&x;</r>", "<r a='&x;'/>", "<r>&#0;</r>", "<r>&#xFFFFFFFFF;</r>", "<r>&#xD800;</r>", "<r>&</r>", "<r>&lt</r>", "<r>%x;&y;</r>",
        ] {
            guard case .notWellFormed = fault(text) else {
                Issue.record("\(text) was read")
                continue
            }
        }
        #expect(try XMLDocument("<r>&lt;&gt;&amp;&apos;&quot;</r>").value("/") == .strings(["<>&'\""]))
    }

    /// What neither XInclude nor a catalog nor a schema's place nor a style sheet makes it open.
    @Test func `what names files and hosts stays text`() throws {
        let text = """
            <?xml-stylesheet href="http://127.0.0.1:1/x.xsl" type="text/xsl"?><?oasis-xml-catalog catalog="file:///etc/passwd"?>
            <r xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
            xsi:schemaLocation="urn:x http://127.0.0.1:1/x.xsd"><xi:include href="file:///etc/passwd" parse="text"/></r>
            """
        let document = try XMLDocument(text)
        #expect(try document.value("string(/)") == .string(""))
        #expect(try document.value("//include/@href") == .strings(["file:///etc/passwd"]))
    }

    @Test func `encodings are read or named`() throws {
        func bytes(_ text: String, _ encoding: String.Encoding) throws -> [UInt8] { Array(try #require(text.data(using: encoding))) }
        let utf16 = "<?xml version='1.0' encoding='UTF-16'?><r>ä€😀</r>"
        for encoding in [String.Encoding.utf16LittleEndian, .utf16BigEndian] {
            let mark: [UInt8] = encoding == .utf16LittleEndian ? [0xFF, 0xFE] : [0xFE, 0xFF]
            #expect(try XMLDocument(bytes: mark + bytes(utf16, encoding)).value("string(r)") == .string("ä€😀"))
            guard case .encoding(let why) = fault(try bytes(utf16, encoding)) else {
                Issue.record("UTF-16 without its mark was read")
                continue
            }
            #expect(why.contains("byte order mark"))
        }
        let marked = [0xEF, 0xBB, 0xBF] + Array("<?xml version='1.0' encoding='utf-8'?><r>ä</r>".utf8)
        #expect(try XMLDocument(bytes: marked).value("string(r)") == .string("ä"))
        let latin = try bytes("<?xml version='1.0' encoding=\"ISO-8859-1\"?><r>äÿ</r>", .isoLatin1)
        #expect(try XMLDocument(bytes: latin).value("string(r)") == .string("äÿ"))
        for name in ["GBK", "GB18030", "UTF-7", "UTF-16", "UTF-32", "EBCDIC-CP-US", "Shift_JIS", "HTML", "x", ""] {
            guard case .encoding = fault("<?xml version='1.0' encoding='\(name)'?><r/>") else {
                Issue.record("\(name) was read")
                continue
            }
        }
        let broken: [[UInt8]] = [
            Array("<r>".utf8) + [0xFF] + Array("</r>".utf8), Array("<r>".utf8) + [0xC0, 0x80] + Array("</r>".utf8),
            Array("<r>".utf8) + [0xED, 0xA0, 0x80] + Array("</r>".utf8), Array("<r>x\0y</r>".utf8), [0xFF, 0xFE, 0x3C], [0xFF, 0xFE, 0x00, 0xD8],
            [0x4C, 0x6F, 0xA7, 0x94], [0x00, 0x00, 0xFE, 0xFF],
        ]
        for bytes in broken {
            guard case .encoding = fault(bytes) else {
                Issue.record("\(bytes) was read")
                continue
            }
        }
    }

    @Test func `what is not well-formed says where`() {
        #expect(fault("") == .empty)
        #expect(fault([0xEF, 0xBB, 0xBF]) == .empty)
        for text in [
            " ", "x", "<", "<r", "<r>", "</r>", "<r></s>", "<r/><s/>", "<r a=1/>", "<r a='1' a='2'/>", "<r a='<'/>", "<r><!-- -- --></r>",
            "<r>]]></r>",
            "<r><![CDATA[x</r>", "<r><?x</r>", "<r><!-- x</r>", "<r>\u{1}</r>", "<r>\u{FFFE}</r>", "<1/>", "<r a='1'b='2'/>", "<?xml?><r/>", "<r/>x",
            " <?xml version='1.0'?><r/>", "{\"a\": 1}", "<html><br></html>",
        ] {
            guard case .notWellFormed = fault(text) else {
                Issue.record("\(text) was read: \(fault(text).debugDescription)")
                continue
            }
        }
        #expect(fault("<r>\n\n<a></b></r>")?.description == "this is not well-formed XML: line 3: Opening and ending tag mismatch: a line 3 and b")
    }

    /// A handler of the thread gets what no handler of the document's own takes; without either it is printed.
    @Test func `nothing is said but to the caller`() {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 1) { said in
            said[0] = 0
            xmlSetStructuredErrorFunc(said.baseAddress) { said, _ in said?.assumingMemoryBound(to: Int.self).pointee += 1 }
            defer { xmlSetStructuredErrorFunc(nil, nil) }
            let texts = ["<r>", "<r>&x;</r>", "<a:r/>", "<r xmlns:a=''/>", "<?xml version='2.0'?><r/>", "<r>\u{FFFE}</r>", "<r><?XML?></r>"]
            for text in texts { _ = fault(text) }
            #expect(said[0] == 0)
        }
    }

    @Test func `bounds are counted before anything is kept`() throws {
        func limits(_ change: (inout XMLLimits) -> Void) -> XMLLimits {
            var limits = XMLLimits()
            change(&limits)
            return limits
        }
        #expect(fault("<r>123456789</r>", limits { $0.bytes = 15 }) == .tooLarge(.bytes, limit: 15))
        let deep = String(repeating: "<a>", count: 200)
        #expect(fault(deep + String(repeating: "</a>", count: 200)) == nil)
        #expect(fault(deep + "<b/>" + String(repeating: "</a>", count: 200)) == .tooLarge(.depth, limit: 200))
        #expect(fault(String(repeating: "<a>", count: 1_000_000)) == .tooLarge(.depth, limit: 200))
        #expect(fault("<r><a/><a/>x<a b=''/></r>", limits { $0.nodes = 7 }) == nil)
        #expect(fault("<r><a/><a/>x<a b=''/></r>", limits { $0.nodes = 6 }) == .tooLarge(.nodes, limit: 6))
        let attributes = (0..<200_000).map { "a\($0)=''" }
        #expect(fault("<r \(attributes.joined(separator: " "))/>") == .tooLarge(.attributes, limit: 256))
        #expect(fault("<r \(attributes.prefix(256).joined(separator: " "))/>") == nil)
        let namespaces = (0..<200).map { "xmlns:a\($0)='u\($0)'" }.joined(separator: " ")
        #expect(fault("<r \(namespaces)><s \(namespaces)/></r>") == .tooLarge(.namespaces, limit: 256))
        #expect(fault("<r>\(String(repeating: "<s \(namespaces)/>", count: 100))</r>") == nil, "those that are over do not count")
    }

    /// libxml2 compares names of attributes with each other, looks namespaces up in a row, and keeps names in a table.
    @Test func `shapes that make parsers slow`() throws {
        let attributes = (0..<255).map { "a\($0)='v'" }.joined(separator: " ")
        let namespaces = (0..<255).map { "xmlns:n\($0)='u'" }.joined(separator: " ")
        for text in [
            "<r>\(String(repeating: "<a \(attributes)/>", count: 2_000))</r>",
            "<r \(namespaces)>\(String(repeating: "<n0:a n1:b=''/>", count: 100_000))</r>",
            "<r>\((0..<200_000).map { "<n\($0)/>" }.joined())</r>",
            "<r>\(String(repeating: "<!---->", count: 400_000))</r>",
            "<r>\(String(repeating: "<![CDATA[x]]>y", count: 200_000))</r>",
            "<r>\(String(repeating: "&amp;", count: 800_000))</r>",
            "<r>\(String(repeating: "]]", count: 2_000_000))</r>",
            "<r a='\(String(repeating: "&#38;", count: 800_000))'/>",
            "<\(String(repeating: "n", count: 4_000_000))/>",
            "<r>\(String(repeating: "<!", count: 2_000_000))</r>",
            "<r \(String(repeating: " ", count: 8_000_000))",
        ] {
            let seconds = cpuSeconds { _ = fault(text) }
            #expect(seconds < 10, "\(text.prefix(60)): \(seconds) s")
        }
    }
}
