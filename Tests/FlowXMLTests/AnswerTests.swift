import FlowXML
import Testing

@Suite("XML of APIs", .timeLimit(.minutes(10)))
struct AnswerTests {
    @Test func `an answer of EC2, whose default namespace nobody writes`() throws {
        let answer = try XMLDocument(Samples.instances)
        #expect(
            try answer.value("//instanceId/text()") == .strings(["i-1234567890abcdef0", "i-0abcdef1234567890", "i-0598c7d356eba48d7"]))
        #expect(try answer.value("/DescribeInstancesResponse/requestId") == .strings(["8f7724cf-496f-496e-8fe3-example"]))
        #expect(
            try answer.value("//instancesSet/item[instanceState/name = 'running']/instanceId")
                == .strings(["i-1234567890abcdef0", "i-0598c7d356eba48d7"]))
        #expect(try answer.value("//item[key='Name']/value") == .strings(["Server_1 & \"db\""]))
        #expect(try answer.value("count(//instancesSet/item)") == .number(3))
        #expect(try answer.value("string((//instanceType)[last()])") == .string("m5.large"))
        #expect(try answer.value("//item[instanceId][instanceState/code > 16]/instanceId") == .strings(["i-0abcdef1234567890"]))
        #expect(try answer.value("(//instanceId)[2]") == .strings(["i-0abcdef1234567890"]))
        #expect(try answer.value("boolean(//instanceState[name='terminated'])") == .boolean(false))
        #expect(try answer.value("//nothing") == .strings([]))
        #expect(try answer.value("//item[.//name='stopped']/ancestor::item/reservationId") == .strings(["r-0abcdef1234567890"]))
    }

    @Test func `with namespaces declared a name means what XPath says`() throws {
        let answer = try XMLDocument(Samples.instances)
        let ec2 = ["ec2": "http://ec2.amazonaws.com/doc/2016-11-15/"]
        #expect(try answer.value("//ec2:requestId", ec2) == .strings(["8f7724cf-496f-496e-8fe3-example"]))
        #expect(try answer.value("count(//ec2:*)", ec2) == (try answer.value("count(//*)")))
        #expect(try answer.value("//requestId", ec2) == .strings([]))
        #expect(try answer.value("//ec2:requestId", ["ec2": "http://ec2.amazonaws.com/doc/2015-01-01/"]) == .strings([]))

        let envelope = try XMLDocument(Samples.envelope)
        #expect(try envelope.value("//id") == .strings(["1", "2", "3"]))
        #expect(try envelope.value("//@kind") == .strings(["outer", "inner"]))
        let declared = ["soap": "http://schemas.xmlsoap.org/soap/envelope/", "x": "urn:a", "y": "urn:b"]
        #expect(try envelope.value("//x:id", declared) == .strings(["1"]))
        #expect(try envelope.value("//y:id", declared) == .strings(["2"]))
        #expect(try envelope.value("//id", declared) == .strings(["3"]))
        #expect(try envelope.value("//@soap:kind", declared) == .strings(["outer"]))
        #expect(try envelope.value("//@kind", declared) == .strings(["inner"]))
        #expect(try envelope.value("name(//x:id)", declared) == .string("a:id"))
        #expect(try envelope.value("namespace-uri(//id)") == .string("urn:a"))
        // A text that looks like a name stays one.
        #expect(try envelope.value("concat('//id', \"x:id\")") == .string("//idx:id"))
    }

    @Test func `CDATA, comments, instructions and references`() throws {
        let text = "<?p q?><a><!-- c -->x<![CDATA[<&]]>y&#x41;&lt;<b/>z<?p r s?></a><!--end-->"
        let document = try XMLDocument(text)
        #expect(try document.value("/a/text()") == .strings(["x<&yA<", "z"]))
        #expect(try document.value("string(/)") == .string("x<&yA<z"))
        #expect(try document.value("//comment()") == .strings([" c ", "end"]))
        #expect(try document.value("//processing-instruction('p')") == .strings(["q", "r s"]))
        #expect(try document.value("name(//processing-instruction())") == .string("p"))
        #expect(try document.value("count(/node())") == .number(3))
        #expect(try XMLDocument("<a b='1 &amp;&#38; 2&#10;3\n4'/>").value("/a/@b") == .strings(["1 && 2\n3 4"]))
        #expect(try XMLDocument("<a> <b/>\n</a>").value("count(/a/text())") == .number(2), "spaces are text, too")
    }

    @Test func `values have bounds of their own`() throws {
        let document = try XMLDocument("<r>\(String(repeating: "<a>12345</a>", count: 100))</r>", limits: XMLLimits(values: 100, valueBytes: 500))
        #expect(try document.value("//a") == .strings(Array(repeating: "12345", count: 100)))
        #expect(try fault("//a|//r", on: document) == .tooLarge(.values, limit: 100))
        #expect(try fault("//a[position() < 100]|/r", on: document) == .tooLarge(.valueBytes, limit: 500))
        #expect(try fault("concat(/, 'x')", on: document) == .tooLarge(.valueBytes, limit: 500))
        #expect(XMLFault.tooLarge(.values, limit: 100).description == "the XPath expression gives more than 100 values")
    }
}
