/// Makes the head of an answer of its lines, within bounds.
///
/// Heads that only announce another (1xx) are passed over, and so is what comes behind the body; both count.
struct HeadReader {
    let limits: HTTP.SizeLimits
    /// Whether one layer of compression was asked for.
    let decompresses: Bool
    private var bytes = 0
    private var count = 0
    private var status: Int?
    private var headers = HTTP.Headers()
    /// Whether the head of the answer itself is over.
    private(set) var isOver = false

    init(limits: HTTP.SizeLimits, decompresses: Bool) {
        self.limits = limits
        self.decompresses = decompresses
    }

    /// Takes a line with its end. The head, when it is complete with that. Throws `Failure.tooLarge` or `Failure.notHTTP`.
    mutating func take(_ line: UnsafeRawBufferPointer) throws(HTTP.Failure) -> (status: Int, headers: HTTP.Headers)? {
        bytes += line.count
        guard bytes <= limits.headBytes else { throw .tooLarge(.headers, limit: limits.headBytes) }
        var line = line[...]
        while let last = line.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { line.removeLast() }
        guard !isOver else {
            try countField()
            return nil
        }
        guard let status else {
            self.status = try HeadReader.status(String(decoding: line, as: UTF8.self))
            return nil
        }
        if line.isEmpty { return try end(status) }
        try countField()
        if let first = line.first, first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") {
            // A value that goes on in the next line, as it was allowed once.
            guard !headers.fields.isEmpty else { throw .notHTTP("its head begins with half a field") }
            headers.fields[headers.fields.count - 1].value += " " + HeadReader.trimmed(line)
            return nil
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .notHTTP("a line of its head has no colon") }
        headers.add(HeadReader.trimmed(line[..<colon]), HeadReader.trimmed(line[(colon + 1)...]))
        return nil
    }

    private mutating func countField() throws(HTTP.Failure) {
        count += 1
        guard count <= limits.headerCount else { throw .tooLarge(.headerCount, limit: limits.headerCount) }
    }

    private mutating func end(_ status: Int) throws(HTTP.Failure) -> (Int, HTTP.Headers)? {
        let whole = headers
        (self.status, headers) = (nil, HTTP.Headers())
        // 101 changes the protocol, which nobody asked for: it is the last that is HTTP.
        guard !(100..<200).contains(status) || status == 101 else { return nil }
        try checkCodings(whole)
        isOver = true
        return (status, whole)
    }

    /// libcurl undoes whatever codings a head names, several on top of each other, too, and a few bytes can keep it busy for minutes: before the body is
    /// looked at, those that nobody asked for are refused.
    private func checkCodings(_ headers: HTTP.Headers) throws(HTTP.Failure) {
        func codings(_ name: String) -> [String] {
            headers.fields.filter { $0.name.lowercased() == name }.flatMap { $0.value.lowercased().split(separator: ",") }.map { coding in
                coding.filter { $0 != " " && $0 != "\t" }
            }
        }
        guard codings("transfer-encoding").allSatisfy({ $0 == "chunked" || $0 == "identity" }),
            !decompresses || codings("content-encoding").count <= 1
        else { throw .notHTTP("its body is coded in a way that nobody asked for") }
    }

    /// Of `HTTP/1.1 200 OK`.
    private static func status(_ line: String) throws(HTTP.Failure) -> Int {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1].utf8.count == 3, let status = Int(words[1]), status >= 100 else {
            throw .notHTTP("its first line has no status")
        }
        return status
    }

    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        var bytes = bytes
        while let first = bytes.first, first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") { bytes.removeFirst() }
        while let last = bytes.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
