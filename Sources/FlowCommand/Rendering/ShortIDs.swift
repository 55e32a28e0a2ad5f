package import FlowModel

/// The shortest prefixes that tell the ids of a list apart.
///
/// The first 48 bits of an id are its time, so that ids made together begin alike: at least those 13 characters are shown.
package struct ShortIDs: Sendable {
    private let length: Int
    static let least = 13

    package init(_ ids: [RunID]) {
        let sorted = ids.map { Array($0.text.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
        var needed = ShortIDs.least
        for (one, other) in zip(sorted, sorted.dropFirst()) where one != other {
            let common = zip(one, other).prefix { $0 == $1 }.count
            needed = max(needed, common + 1)
        }
        length = needed
    }

    package subscript(id: RunID) -> String {
        let short = id.text.prefix(length)
        return short.hasSuffix("-") ? String(id.text.prefix(length + 1)) : String(short)
    }
}
