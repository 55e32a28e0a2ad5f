/// Documents and expressions that chance makes: small ones, of few names, so that they meet.
struct Inventions {
    var numbers: SeededNumbers

    init(seed: UInt64) { numbers = SeededNumbers(seed: seed) }

    // MARK: Documents

    mutating func document() -> String {
        var count = 0
        return "<?p one?><a xmlns:p='urn:p' xml:lang='en'>\(content(depth: 0, &count))</a><!--end-->"
    }

    private mutating func content(depth: Int, _ count: inout Int) -> String {
        var text = ""
        for _ in 0..<numbers.below(5) where count < 40 {
            count += 1
            switch numbers.below(10) {
            case 0...4 where depth < 5:
                let name = numbers.one(of: ["a", "b", "c", "p:a", "p:b"])
                text += "<\(name)\(attributes())>\(content(depth: depth + 1, &count))</\(name)>"
            case 5: text += "<!--\(numbers.one(of: ["x", "1", ""]))-->"
            case 6: text += "<?\(numbers.one(of: ["p", "q"])) \(numbers.below(3))?>"
            case 7: text += "<![CDATA[\(numbers.one(of: ["<", "12", " "]))]]>"
            default: text += numbers.one(of: ["1", "2", "10", " ", "ab", "ä€", " a  b ", ".5 ", "&amp;", "&#x31;"])
            }
        }
        return text
    }

    private mutating func attributes() -> String {
        ["x", "y", "p:x", "xml:lang"].filter { _ in numbers.below(4) == 0 }
            .map { " \($0)='\(numbers.one(of: ["1", "2", "en", "de-AT", "", "a b"]))'" }.joined()
    }

    // MARK: Expressions

    mutating func expression(depth: Int = 0) -> String {
        guard depth < 4 else { return numbers.one(of: ["1", "'a'", ".", "@x", "position()", "last()", "2", "''"]) }
        switch numbers.below(9) {
        case 0...2: return nodes(depth: depth + 1)
        case 3...4:
            let sign = numbers.one(of: ["=", "!=", "<", "<=", ">", ">=", " and ", " or ", "+", " - ", "*", " mod "])
            return "(\(expression(depth: depth + 1))\(sign)\(expression(depth: depth + 1)))"
        case 5: return "-\(expression(depth: depth + 1))"
        default: return call(depth: depth + 1)
        }
    }

    mutating func nodes(depth: Int) -> String {
        switch numbers.below(8) {
        case 0: "(\(nodes(depth: depth + 1)) | \(path(depth: depth)))"
        case 1: "(\(path(depth: depth)))[\(expression(depth: depth + 2))]"
        case 2: "(\(path(depth: depth)))\(numbers.one(of: ["/", "//"]))\(step(depth: depth))"
        default: path(depth: depth)
        }
    }

    private mutating func path(depth: Int) -> String {
        var path = numbers.one(of: ["", "/", "//", "//", "./", ".//"])
        for index in 0...numbers.below(3) {
            if index > 0 { path += numbers.one(of: ["/", "/", "//"]) }
            path += step(depth: depth)
        }
        return path
    }

    private mutating func step(depth: Int) -> String {
        let axis = numbers.one(of: [
            "", "", "", "", "@", "ancestor::", "ancestor-or-self::", "attribute::", "child::", "descendant::", "descendant-or-self::",
            "following::", "following-sibling::", "parent::", "preceding::", "preceding-sibling::", "self::",
        ])
        let test = numbers.one(of: [
            "a", "b", "c", "x", "y", "*", "*", "p:a", "p:x", "p:*", "node()", "text()", "comment()", "processing-instruction()",
            "processing-instruction('p')",
        ])
        guard depth < 4 else { return axis + test }
        var predicates = ""
        while numbers.below(4) == 0 {
            predicates += "[\(numbers.below(3) == 0 ? numbers.one(of: ["1", "2", "last()", "3", "1.5", "0"]) : expression(depth: depth + 1))]"
        }
        return axis + test + predicates
    }

    private mutating func call(depth: Int) -> String {
        let value = { (inventions: inout Inventions) in inventions.expression(depth: depth + 1) }
        // No parts of numbers: for libxml2 `-` alone is one.
        let text = { (inventions: inout Inventions) in inventions.nodes(depth: depth + 1) }
        switch numbers.below(14) {
        case 0: return "\(numbers.one(of: ["count", "sum", "name", "local-name", "namespace-uri"]))(\(nodes(depth: depth + 1)))"
        case 1: return numbers.one(of: ["position()", "last()", "true()", "false()", "string()", "number()", "name()", "string-length()"])
        case 2: return "lang('\(numbers.one(of: ["en", "de", "DE-at", ""]))')"
        case 3: return "concat(\(value(&self)),\(value(&self)))"
        case 4: return "\(numbers.one(of: ["contains", "starts-with", "substring-before", "substring-after"]))(\(text(&self)),\(text(&self)))"
        case 5: return "substring(\(text(&self)),\(numbers.one(of: ["0", "1", "1.5", "-1", "2"])),\(numbers.one(of: ["1", "2.5", "9", "0"])))"
        case 6: return "substring(\(text(&self)),\(value(&self)))"
        case 7: return "translate(\(value(&self)),'1aä€','2b')"
        default:
            let name = numbers.one(of: [
                "boolean", "not", "string", "number", "floor", "ceiling", "round", "string-length", "normalize-space",
            ])
            return "\(name)(\(value(&self)))"
        }
    }
}
