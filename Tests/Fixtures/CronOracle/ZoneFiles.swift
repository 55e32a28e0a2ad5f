import Glibc

func complain(_ text: String) { print(text) }

/// The zones of the system, as the C library reads them.
enum ZoneFiles {
    struct Rule {
        var name: String
        /// Seconds since 1970 at which the wall's clock is changed.
        var transitions: [Int]
    }

    /// All zone files under the directory; those of other leap-second habits (`right/`) and copies (`posix/`) left out.
    static func names(in directory: String, under prefix: String = "") -> [String] {
        guard let handle = opendir(directory + "/" + prefix) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard !name.hasPrefix("."), !["right", "posix"].contains(name) else { continue }
            let path = prefix.isEmpty ? name : prefix + "/" + name
            let inner = ZoneFiles.names(in: directory, under: path)
            names += inner
            if inner.isEmpty, bytes(directory + "/" + path).starts(with: Array("TZif".utf8)) { names.append(path) }
        }
        return prefix.isEmpty ? names.sorted() : names
    }

    static func bytes(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        return Array(bytes[..<fread(&bytes, 1, bytes.count, file)])
    }

    /// Makes this file the zone of `localtime_r`.
    static func use(_ path: String) {
        setenv("TZ", ":" + path, 1)
        tzset()
    }

    /// One zone for each history of offsets in these years.
    static func distinctRules(_ names: [String], in directory: String, years: ClosedRange<Int>) -> [Rule] {
        var rules: [Rule] = []
        var seen = Set<[Int]>()
        var files = Set<[UInt8]>()
        for name in names where files.insert(bytes(directory + "/" + name)).inserted {
            use(directory + "/" + name)
            let (transitions, history) = changes(start(of: years.lowerBound), start(of: years.upperBound + 1))
            if seen.insert(history).inserted { rules.append(Rule(name: name, transitions: transitions)) }
        }
        return rules
    }

    private static func start(of year: Int) -> Int {
        var parts = tm()
        parts.tm_year = Int32(year - 1_900)
        parts.tm_mday = 1
        return timegm(&parts)
    }

    /// Moments at which the offset changes, found by looking at every hour and then between the two.
    private static func changes(_ start: Int, _ end: Int) -> (moments: [Int], history: [Int]) {
        var offset = Timeline.offset(at: start)
        var (moments, history) = ([Int](), [offset])
        for hour in stride(from: start + 3_600, through: end, by: 3_600) {
            let next = Timeline.offset(at: hour)
            guard next != offset else { continue }
            var (low, high) = (hour - 3_600, hour)
            while high - low > 1 {
                let middle = (low + high) / 2
                if Timeline.offset(at: middle) == offset { low = middle } else { high = middle }
            }
            moments.append(high)
            history += [high, next]
            offset = next
        }
        return (moments, history)
    }
}
