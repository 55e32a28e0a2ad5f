import Glibc

/// What is in a directory.
enum FolderNames {
    /// The names, in no order; none where there is no such directory.
    static func of(_ folder: String) throws -> [String] {
        guard let open = opendir(folder) else {
            if errno == ENOENT { return [] }
            throw CallError("directory \(folder) could not be read")
        }
        defer { closedir(open) }
        var names: [String] = []
        while let entry = readdir(open) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
