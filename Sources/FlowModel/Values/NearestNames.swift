/// Suggestions for a mistyped name: those of `candidates` within a third of the length, nearest first, three at most.
package func nearestNames(to name: String, in candidates: some Sequence<String>) -> [String] {
    let limit = max(1, name.count / 3)
    let ranked = candidates.compactMap { candidate -> (distance: Int, name: String)? in
        let distance = editDistance(name.lowercased(), candidate.lowercased())
        return distance <= limit || candidate.hasPrefix(name) ? (distance, candidate) : nil
    }
    return ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
}

/// Levenshtein's distance between two strings.
private func editDistance(_ one: String, _ other: String) -> Int {
    let other = Array(other)
    var row = Array(0...other.count)
    for (line, character) in one.enumerated() {
        var diagonal = row[0]
        row[0] = line + 1
        for column in other.indices {
            let substituted = diagonal + (character == other[column] ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(substituted, diagonal + 1, row[column] + 1)
        }
    }
    return row[other.count]
}
