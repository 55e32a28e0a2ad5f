extension String {
    package static let stepNameRule = "1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit"

    /// `[a-z0-9][a-z0-9._-]{0,63}`.
    package var isStepName: Bool {
        let bytes = Array(utf8)
        func isWord(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
        guard let first = bytes.first, isWord(first), bytes.count <= 64 else { return false }
        return bytes.allSatisfy { isWord($0) || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D }
    }

    /// `[A-Za-z_][A-Za-z0-9_]*`.
    package var isVariableName: Bool {
        let bytes = Array(utf8)
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) || byte == 0x5F }
        guard let first = bytes.first, isLetter(first) else { return false }
        return bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
    }
}
