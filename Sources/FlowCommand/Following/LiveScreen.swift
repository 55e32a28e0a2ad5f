/// A block of lines at the bottom of a terminal that is drawn over in place.
///
/// Only cursor movement that every terminal since the VT100 knows, and nothing to put back at the end: a killed command leaves
/// a usable screen.
struct LiveScreen {
    private var drawn = 0
    private var last: [String] = []

    /// What to write so that the block shows `lines`; nil when it does already.
    mutating func draw(_ lines: [String]) -> String? {
        guard lines != last else { return nil }
        let up = drawn > 0 ? "\u{1B}[\(drawn)A\r" : ""
        last = lines
        drawn = lines.count
        return up + lines.map { "\($0)\u{1B}[K\n" }.joined() + "\u{1B}[J"
    }
}
