/// How large the batches of a rollout are: `1 10% *2 +5`.
///
/// One term for each batch; the last one repeats until every target has had its turn. `n`: that many. `n%`: that share of all
/// targets, rounded up, at least 1. `*n`: n times the batch before. `+n`: n more than the batch before.
package struct BatchSizes: Hashable, Sendable, Codable {
    /// As it was written, with single spaces.
    package let text: String
    private let terms: [Term]

    private enum Term: Hashable, Sendable {
        case count(Int)
        case percent(Double)
        case times(Int)
        case plus(Int)

        init?(_ word: Substring) {
            if word.hasSuffix("%") {
                guard let share = Double(word.dropLast()), share > 0, share <= 100 else { return nil }
                self = .percent(share)
            } else if word.hasPrefix("*") || word.hasPrefix("+") {
                guard let number = Int(word.dropFirst()), (1...BatchSizes.largest).contains(number) else { return nil }
                self = word.hasPrefix("*") ? .times(number) : .plus(number)
            } else {
                guard let count = Int(word), (1...BatchSizes.largest).contains(count) else { return nil }
                self = .count(count)
            }
        }

        var isRelative: Bool {
            switch self {
            case .times, .plus: true
            case .count, .percent: false
            }
        }
    }

    private static let largest = 1_000_000
    private static let mostTerms = 100

    /// All targets in one batch.
    package static let all = BatchSizes(text: "100%", terms: [.percent(100)])

    private init(text: String, terms: [Term]) {
        self.text = text
        self.terms = terms
    }

    /// Throws what is wrong with the text, for the author.
    package init(_ text: String) throws(Fault) {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard !words.isEmpty, words.count <= BatchSizes.mostTerms else {
            throw Fault(message: "batches need 1 to \(BatchSizes.mostTerms) terms such as '1 10% *2', found '\(text)'")
        }
        var terms: [Term] = []
        for word in words {
            guard let term = Term(word) else {
                throw Fault(
                    message: "'\(word)' is no size of a batch; allowed are n, n% (up to 100), *n and +n with n from 1 to \(BatchSizes.largest)")
            }
            terms.append(term)
        }
        guard terms[0].isRelative == false else {
            throw Fault(message: "the first batch is '\(words[0])', but there is none before it; begin with n or n%")
        }
        self.init(text: words.joined(separator: " "), terms: terms)
    }

    package struct Fault: Error, Hashable {
        package var message: String
    }

    /// Where each batch ends (exclusive) among `total` targets, of which the first `done` had their turn. The last is `total`; none
    /// when none is left.
    package func ends(of total: Int, after done: Int = 0) -> [Int] {
        var ends: [Int] = []
        var (end, size) = (done, 0)
        while end < total {
            switch terms[min(ends.count, terms.count - 1)] {
            case .count(let count): size = count
            case .percent(let share): size = max(1, Int((Double(total) * share / 100).rounded(.up)))
            case .times(let factor): size = min(size * factor, BatchSizes.largest)
            case .plus(let more): size = min(size + more, BatchSizes.largest)
            }
            end = min(end + size, total)
            ends.append(end)
        }
        return ends
    }

    // MARK: - Codable, as its text

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        do throws(Fault) {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: error.message))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
