/// Makes UTF-8 of a document. libxml2 could, and would call whatever converter of the system a document names.
enum Encoding {
    /// How far into a document its declaration is looked for.
    private static let declarationBytes = 256

    /// Without a mark of the byte order.
    static func utf8(_ bytes: [UInt8]) throws(XMLFault) -> [UInt8] {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return try checked(Array(bytes.dropFirst(3)), isMarked: true) }
        if bytes.starts(with: [0xFF, 0xFE]) { return try utf16(bytes.dropFirst(2), isLittle: true) }
        if bytes.starts(with: [0xFE, 0xFF]) { return try utf16(bytes.dropFirst(2), isLittle: false) }
        return try checked(bytes, isMarked: false)
    }

    private static func utf16(_ bytes: ArraySlice<UInt8>, isLittle: Bool) throws(XMLFault) -> [UInt8] {
        guard bytes.count % 2 == 0 else { throw .encoding("it is UTF-16 with half a unit at its end") }
        let units = stride(from: bytes.startIndex, to: bytes.endIndex, by: 2).map { place -> UInt16 in
            let (first, second) = (UInt16(bytes[place]), UInt16(bytes[place + 1]))
            return isLittle ? second << 8 | first : first << 8 | second
        }
        guard let text = String(validating: units, as: UTF16.self) else { throw .encoding("it is not valid UTF-16") }
        return try withoutZero(Array(text.utf8))
    }

    private static func checked(_ bytes: [UInt8], isMarked: Bool) throws(XMLFault) -> [UInt8] {
        let bytes = try withoutZero(bytes)
        let said = declared(in: bytes)
        switch said?.lowercased() {
        case nil, "utf-8", "utf8", "us-ascii", "ascii": break
        case "iso-8859-1" where !isMarked, "latin1" where !isMarked:
            return bytes.flatMap { $0 < 0x80 ? [$0] : [0xC0 | $0 >> 6, 0x80 | $0 & 0x3F] }
        default:
            let name = (said ?? "").prefix(40)
            throw .encoding("it says that it is in \(name); UTF-8, UTF-16 with a byte order mark, US-ASCII and ISO-8859-1 are read")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .encoding("it is not valid UTF-8") }
        return bytes
    }

    /// No XML has one, and UTF-16 without its mark is full of them.
    private static func withoutZero(_ bytes: [UInt8]) throws(XMLFault) -> [UInt8] {
        guard !bytes.contains(0) else { throw .encoding("it has a zero byte in it: it is no XML, or UTF-16 or UTF-32 without a byte order mark") }
        return bytes
    }

    /// What `<?xml … encoding="…"?>` says.
    private static func declared(in bytes: [UInt8]) -> String? {
        guard bytes.starts(with: "<?xml".utf8), let end = bytes.prefix(declarationBytes).firstRange(of: Array("?>".utf8)) else { return nil }
        let declaration = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
        guard let name = declaration.firstRange(of: "encoding") else { return nil }
        let rest = declaration[name.upperBound...].drop { $0 == "=" || $0.isWhitespace }
        guard let quote = rest.first, quote == "\"" || quote == "'" else { return nil }
        return String(rest.dropFirst().prefix { $0 != quote })
    }
}
