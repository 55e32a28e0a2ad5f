import Glibc

/// The account that this process runs as.
enum Account {
    /// Its name; the number where it has none. Looked up once.
    static let current: String = {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16_384) { buffer in
            guard let start = buffer.baseAddress else { return String(geteuid()) }
            let code = getpwuid_r(geteuid(), &entry, start, buffer.count, &found)
            guard code == 0, found != nil, let name = entry.pw_name else { return String(geteuid()) }
            return String(cString: name)
        }
    }()
}
