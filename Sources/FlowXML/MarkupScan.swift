/// Looks through a document before libxml2 does, for what that has no bound for, and for a DOCTYPE.
///
/// It finds the same tags as a parser up to the first fault of a document, and behind that nothing is kept.
struct MarkupScan {
    private let bytes: [UInt8]
    private let limits: XMLLimits
    private var place = 0
    private var nodes = 0
    /// For each open element how many namespaces it declares.
    private var open: [Int] = []
    private var namespaces = 0

    init(_ bytes: [UInt8], limits: XMLLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Throws `XMLFault` for the first bound that the document breaks.
    mutating func run() throws(XMLFault) {
        while let start = bytes[place...].firstIndex(of: UInt8(ascii: "<")) {
            if start > place { try count(1) }
            place = start + 1
            try count(1)
            switch place < bytes.count ? bytes[place] : 0 {
            case UInt8(ascii: "?"): try skip(past: "?>", "a processing instruction")
            case UInt8(ascii: "!"): try skipDeclaration()
            case UInt8(ascii: "/"):
                try skip(past: ">", "an end tag")
                if let declared = open.popLast() { namespaces -= declared }
            default: try startTag()
            }
        }
    }

    private mutating func count(_ more: Int) throws(XMLFault) {
        nodes += more
        guard nodes <= limits.nodes else { throw .tooLarge(.nodes, limit: limits.nodes) }
    }

    private mutating func skipDeclaration() throws(XMLFault) {
        if starts(with: "!--") {
            place += 3
            return try skip(past: "-->", "a comment")
        }
        guard starts(with: "![CDATA[") else { throw .doctype }
        try skip(past: "]]>", "a CDATA section")
    }

    private mutating func startTag() throws(XMLFault) {
        var (attributes, declared) = (0, 0)
        while place < bytes.count, bytes[place] != UInt8(ascii: ">") {
            switch bytes[place] {
            case UInt8(ascii: "<"): throw .notWellFormed("there is a '<' inside a tag")
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                attributes += 1
                guard attributes <= limits.attributes else { throw .tooLarge(.attributes, limit: limits.attributes) }
                try skipValue(endedBy: bytes[place])
            case UInt8(ascii: "x") where starts(with: "xmlns"):
                declared += 1
                place += 5
            default: place += 1
            }
        }
        guard place < bytes.count else { throw .notWellFormed("a tag has no end") }
        try count(attributes)
        let isEmpty = bytes[place - 1] == UInt8(ascii: "/")
        place += 1
        guard namespaces + declared <= limits.namespaces else { throw .tooLarge(.namespaces, limit: limits.namespaces) }
        guard open.count < limits.depth else { throw .tooLarge(.depth, limit: limits.depth) }
        guard !isEmpty else { return }
        open.append(declared)
        namespaces += declared
    }

    private mutating func skipValue(endedBy quote: UInt8) throws(XMLFault) {
        guard let end = bytes[(place + 1)...].firstIndex(where: { $0 == quote || $0 == UInt8(ascii: "<") }) else {
            throw .notWellFormed("the value of an attribute has no end")
        }
        guard bytes[end] == quote else { throw .notWellFormed("there is a '<' in the value of an attribute") }
        place = end + 1
    }

    private func starts(with text: StaticString) -> Bool {
        let end = place + text.utf8CodeUnitCount
        guard end <= bytes.count else { return false }
        return text.withUTF8Buffer { $0.elementsEqual(bytes[place..<end]) }
    }

    private mutating func skip(past end: StaticString, _ what: String) throws(XMLFault) {
        while place < bytes.count {
            if starts(with: end) {
                place += end.utf8CodeUnitCount
                return
            }
            place += 1
        }
        throw .notWellFormed("\(what) has no end")
    }
}
