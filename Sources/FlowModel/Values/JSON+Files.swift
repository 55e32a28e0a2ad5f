extension JSON {
    /// Reads JSON from a file that somebody wrote. A byte order mark, which some editors and shells put in front, is no part of it;
    /// another encoding is named.
    package static func parse(file: [UInt8], maxDepth: Int = Limits.jsonDepth) throws(JSONError) -> JSON {
        let bytes: ArraySlice<UInt8>
        do throws(WrittenText.Fault) {
            bytes = try WrittenText.bytes(of: file)
        } catch {
            throw JSONError(message: error.message, offset: 0)
        }
        return try parse(bytes, maxDepth: maxDepth)
    }
}
