/// Suggestions for a mistyped name: those of `candidates` within a third of the length, nearest first, three at most.
package func nearestNames(to name: String, in candidates: some Sequence<String>) -> [String] {
    let limit = max(1, name.count / 3)
    let ranked = candidates.compactMap { candidate -> (distance: Int, name: String)? in
        let distance = editDistance(name.lowercased(), candidate.lowercased())
        return distance <= limit || candidate.hasPrefix(name) ? (distance, candidate) : nil
    }
    return ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
}

/// Levenshtein's distance between two strings, with two neighbours that changed places as one edit: the commonest mistyping.
private func editDistance(_ one: String, _ other: String) -> Int {
    let (one, other) = (Array(one), Array(other))
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
