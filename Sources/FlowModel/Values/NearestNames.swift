/// Suggestions for a mistyped name: those of `candidates` within a third of the length, nearest first, three at most; none for a text
/// that is too long to be one.
package func nearestNames(to name: String, in candidates: some Sequence<String>) -> [String] {
    guard name.utf8.count <= Limits.mistypedBytes else { return [] }
    let limit = max(1, name.count / 3)
    let typed = Array(name.lowercased())
    let ranked = candidates.compactMap { candidate -> (distance: Int, name: String)? in
        let isBegun = candidate.hasPrefix(name)
        // No edit makes up for more characters than it adds or takes.
        guard candidate.utf8.count <= Limits.mistypedBytes, isBegun || abs(candidate.count - typed.count) <= limit else { return nil }
        let distance = editDistance(typed, Array(candidate.lowercased()))
        return distance <= limit || isBegun ? (distance, candidate) : nil
    }
    return ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
}

/// Levenshtein's distance between two strings, with two neighbours that changed places as one edit: the commonest mistyping.
private func editDistance(_ one: [Character], _ other: [Character]) -> Int {
    var (beforeLast, last) = ([Int](), Array(0...other.count))
    for line in one.indices {
        var row = [line + 1]
        for column in other.indices {
            let substituted = last[column] + (one[line] == other[column] ? 0 : 1)
            var distance = min(substituted, last[column + 1] + 1, row[column] + 1)
            if line > 0, column > 0, one[line] == other[column - 1], one[line - 1] == other[column] {
                distance = min(distance, beforeLast[column - 1] + 1)
            }
            row.append(distance)
        }
        (beforeLast, last) = (last, row)
    }
    return last[other.count]
}
