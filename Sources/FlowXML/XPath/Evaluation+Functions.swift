import CLibXML2

/// The functions of XPath 1.0, 4.
extension Evaluation {
    mutating func call(_ function: Function, _ arguments: [Expression], _ focus: Focus) throws(XMLFault) -> Value {
        switch function {
        case .last: return .number(Double(focus.size))
        case .position: return .number(Double(focus.position))
        case .true: return .boolean(true)
        case .false: return .boolean(false)
        case .boolean: return .boolean(boolean(of: try value(of: arguments[0], focus)))
        case .not: return .boolean(!boolean(of: try value(of: arguments[0], focus)))
        case .lang: return .boolean(try isIn(language: try string(arguments, 0, focus), focus.node))
        case .count: return .number(Double(try nodes(of: arguments[0], focus).count))
        case .sum, .number, .floor, .ceiling, .round: return .number(try calculate(function, arguments, focus))
        case .localName, .name, .namespaceURI: return .string(try nameText(function, arguments, focus))
        case .startsWith, .contains:
            let (text, part) = (try string(arguments, 0, focus), try string(arguments, 1, focus))
            return .boolean(function == .contains ? try place(of: part, in: text) != nil : text.starts(with: try read(part)))
        case .stringLength: return .number(Double(try read(try string(arguments, 0, focus)).count { !Self.goesOn($0) }))
        case .string: return .string(try string(arguments, 0, focus))
        case .concat, .normalizeSpace, .substring, .substringAfter, .substringBefore, .translate:
            return .string(try text(function, arguments, focus))
        }
    }

    /// The argument's string; without one, the context node's.
    private mutating func string(_ arguments: [Expression], _ index: Int, _ focus: Focus) throws(XMLFault) -> ArraySlice<UInt8> {
        guard index < arguments.count else { return tree.string(of: focus.node) }
        return string(of: try value(of: arguments[index], focus))
    }

    /// A byte of a character that began before it.
    private static func goesOn(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    // MARK: Numbers

    private mutating func calculate(_ function: Function, _ arguments: [Expression], _ focus: Focus) throws(XMLFault) -> Double {
        if function == .sum {
            var sum = 0.0
            for node in try nodes(of: arguments[0], focus) { sum += try number(of: node) }
            return sum
        }
        let number = arguments.isEmpty ? try number(of: focus.node) : try number(of: value(of: arguments[0], focus))
        switch function {
        case .floor: return number.rounded(.down)
        case .ceiling: return number.rounded(.up)
        case .round: return XPathNumber.rounded(number)
        default: return number
        }
    }

    // MARK: Names

    private mutating func nameText(_ function: Function, _ arguments: [Expression], _ focus: Focus) throws(XMLFault) -> ArraySlice<UInt8> {
        let node = arguments.isEmpty ? focus.node : try nodes(of: arguments[0], focus).first
        guard let name = node.flatMap({ tree.name(of: $0) }) else { return [] }
        let text =
            switch function {
            case .localName: name.local
            case .name: name.qualified
            default: name.namespace
            }
        try charge(1 + text.utf8.count)
        return Array(text.utf8)[...]
    }

    /// Whether `xml:lang`, of the node or whatever it is inside of, is that language or a kind of it.
    private mutating func isIn(language: ArraySlice<UInt8>, _ node: Int32) throws(XMLFault) -> Bool {
        func lower(_ bytes: ArraySlice<UInt8>) -> [UInt8] { bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 } }
        var next = node
        while next >= 0 {
            let element = tree.nodes[Int(next)]
            try charge(Int(element.children - next))
            for attribute in next + 1..<max(next + 1, element.kind == .element ? element.children : 0) {
                guard let name = tree.name(of: attribute), name.local == "lang", name.prefix == "xml" else { continue }
                let said = lower(try read(tree.string(of: attribute)))
                let wanted = lower(try read(language))
                return said.starts(with: wanted) && (said.count == wanted.count || said[wanted.count] == UInt8(ascii: "-"))
            }
            next = element.parent
        }
        return false
    }

    // MARK: Texts

    private mutating func text(_ function: Function, _ arguments: [Expression], _ focus: Focus) throws(XMLFault) -> ArraySlice<UInt8> {
        if function == .concat {
            var whole: [UInt8] = []
            for index in arguments.indices {
                let part = try string(arguments, index, focus)
                try charge(part.count)
                whole += part
            }
            return whole[...]
        }
        let text = try read(try string(arguments, 0, focus))
        switch function {
        case .normalizeSpace:
            try charge(text.count)
            return Array(text.split { [0x20, 0x09, 0x0A, 0x0D].contains($0) }.joined(separator: [0x20]))[...]
        case .substring:
            return substring(
                text, from: try number(of: value(of: arguments[1], focus)),
                count: arguments.count > 2 ? try number(of: value(of: arguments[2], focus)) : nil)
        case .translate: return try translated(text, from: try string(arguments, 1, focus), to: try string(arguments, 2, focus))
        default:
            let part = try string(arguments, 1, focus)
            guard let place = try place(of: part, in: text) else { return [] }
            return function == .substringBefore ? text[..<place] : text[(place + part.count)...]
        }
    }

    /// Where it stands in there first. In linear time, but for a factor that is up to 256 when it nearly stands there again and again.
    private mutating func place(of part: ArraySlice<UInt8>, in text: ArraySlice<UInt8>) throws(XMLFault) -> Int? {
        try charge(2 + part.count / 16 + text.count / 16 * (1 + min(part.count, 256) / 16))
        return text.withUnsafeBytes { whole in
            part.withUnsafeBytes { wanted in
                guard !wanted.isEmpty else { return text.startIndex }
                guard let start = whole.baseAddress, let wantedStart = wanted.baseAddress,
                    let found = flow_xml_find(start, whole.count, wantedStart, wanted.count)
                else { return nil }
                return text.startIndex + start.distance(to: UnsafeRawPointer(found))
            }
        }
    }

    /// Characters count from 1, and both numbers are rounded.
    private func substring(_ text: ArraySlice<UInt8>, from: Double, count: Double?) -> ArraySlice<UInt8> {
        let first = XPathNumber.rounded(from)
        let end = count.map { first + XPathNumber.rounded($0) } ?? .infinity
        var position = 0.0
        var (start, stop) = (text.endIndex, text.endIndex)
        for (index, byte) in zip(text.indices, text) where !Self.goesOn(byte) {
            position += 1
            let isIn = position >= first && position < end
            if isIn, start == text.endIndex { start = index }
            if !isIn, start != text.endIndex {
                stop = index
                break
            }
        }
        return text[start..<stop]
    }

    private mutating func translated(
        _ text: ArraySlice<UInt8>, from: ArraySlice<UInt8>, to: ArraySlice<UInt8>
    ) throws(XMLFault) -> ArraySlice<UInt8> {
        // Characters in Swift's own form are some bytes each.
        try charge(4 * (text.count + from.count + to.count))
        let replacements = Array(String(decoding: to, as: UTF8.self).unicodeScalars)
        var table: [Unicode.Scalar: Unicode.Scalar?] = [:]
        for (index, scalar) in String(decoding: from, as: UTF8.self).unicodeScalars.enumerated() where table[scalar] == nil {
            table[scalar] = .some(index < replacements.count ? replacements[index] : nil)
        }
        var result = String.UnicodeScalarView()
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            if let replacement = table[scalar] ?? .some(scalar) { result.append(replacement) }
        }
        return Array(String(result).utf8)[...]
    }
}
