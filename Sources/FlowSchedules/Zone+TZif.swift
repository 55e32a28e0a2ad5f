package import FlowModel

extension Zone {
    /// The zone that a TZif file of version 1 to 4 describes.
    package init(name: String, tzif bytes: [UInt8]) throws(FlowError) {
        func refused(_ why: String) -> FlowError {
            FlowError(
                .usage, subject: name, "Time zone '\(name)' cannot be used: its file \(why).",
                hint: "Install or repair the package tzdata.")
        }
        var reader = ZoneReader(bytes: bytes)
        guard var header = reader.header() else { throw refused("is not a TZif file") }
        if header.version >= 2 {
            // The first block holds the same in 32 bits, for programs of the last century.
            reader.position += header.bytes(timeSize: 4)
            guard let second = reader.header() else { throw refused("ends before its 64-bit data") }
            header = second
        }
        guard header.leapSeconds == 0 else { throw refused("counts leap seconds, which no clock here does") }
        guard header.transitions <= ScheduleLimits.zoneTransitions else {
            throw refused("has more than \(ScheduleLimits.zoneTransitions) transitions")
        }
        guard let table = reader.table(header, timeSize: header.version >= 2 ? 8 : 4) else { throw refused("is damaged") }
        var rule: ZoneRule?
        if header.version >= 2, let footer = reader.footer(), !footer.isEmpty {
            guard let parsed = ZoneRule(footer) else { throw refused("ends in the unknown rule '\(footer)'") }
            rule = parsed
        }
        self.init(name: name, firstOffset: table.first, transitions: table.transitions, tail: rule)
    }
}

private struct ZoneReader {
    struct Header {
        var version: Int
        var utFlags: Int
        var standardFlags: Int
        var leapSeconds: Int
        var transitions: Int
        var types: Int
        var letters: Int

        func bytes(timeSize: Int) -> Int {
            transitions * (timeSize + 1) + types * 6 + letters + leapSeconds * (timeSize + 4) + standardFlags + utFlags
        }
    }

    let bytes: [UInt8]
    var position = 0

    mutating func header() -> Header? {
        guard position + 44 <= bytes.count, Array("TZif".utf8) == Array(bytes[position..<position + 4]) else { return nil }
        // Version 1 is a zero byte, the others are digits.
        let version = max(1, Int(bytes[position + 4]) - 0x30)
        position += 20
        let counts = (0..<6).map { _ in integer(4) }
        guard counts.allSatisfy({ $0 >= 0 }) else { return nil }
        return Header(
            version: version, utFlags: counts[0], standardFlags: counts[1], leapSeconds: counts[2], transitions: counts[3],
            types: counts[4], letters: counts[5])
    }

    mutating func table(_ header: Header, timeSize: Int) -> (first: Int, transitions: [Zone.Transition])? {
        let size = header.bytes(timeSize: timeSize)
        guard header.types > 0, position + size <= bytes.count else { return nil }
        let end = position + size
        let times = (0..<header.transitions).map { _ in integer(timeSize) }
        let kinds = (0..<header.transitions).map { _ in integer(1) & 0xFF }
        let offsets = (0..<header.types).map { _ in
            defer { position += 2 }
            return integer(4)
        }
        position = end
        var transitions: [Zone.Transition] = []
        for (at, kind) in zip(times, kinds) {
            guard kind < offsets.count, at > transitions.last?.at ?? Int.min, at < Zone.everLater else { return nil }
            // Zones that began before time did say so by a first transition at the Big Bang.
            transitions.append(Zone.Transition(at: max(at, Zone.everEarlier + 1), offset: offsets[kind]))
        }
        guard offsets.allSatisfy({ Zone.offsets.contains($0) }) else { return nil }
        return (offsets[0], transitions)
    }

    /// The rule between the newlines at the end.
    mutating func footer() -> String? {
        guard position < bytes.count, bytes[position] == 0x0A, let end = bytes[(position + 1)...].firstIndex(of: 0x0A) else { return nil }
        return String(decoding: bytes[position + 1..<end], as: UTF8.self)
    }

    /// Big-endian, signed. The caller has checked that so many bytes are there.
    private mutating func integer(_ size: Int) -> Int {
        var value: UInt64 = 0
        for byte in bytes[position..<position + size] { value = value << 8 | UInt64(byte) }
        position += size
        let unused = UInt64(64 - size * 8)
        return Int(Int64(bitPattern: value << unused) >> Int64(unused))
    }
}
