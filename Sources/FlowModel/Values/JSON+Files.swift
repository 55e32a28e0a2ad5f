extension JSON {
    /// Reads JSON from a file that somebody wrote. A byte order mark, which some editors and shells put in front, is no part of it;
    /// another encoding is named.
    package static func parse(file bytes: [UInt8], maxDepth: Int = Limits.jsonDepth) throws(JSONError) -> JSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return try parse(bytes.dropFirst(3), maxDepth: maxDepth) }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw JSONError(message: "it is UTF-16, not UTF-8 (iconv -f UTF-16 -t UTF-8 makes it that)", offset: 0)
        }
        return try parse(bytes, maxDepth: maxDepth)
    }
}
