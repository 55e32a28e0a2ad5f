/// A regular expression that is matched in time linear in the text, whatever it is and whatever the text.
///
/// All places in the pattern where a match could be are followed at once, so nothing is ever tried again (Thompson's construction).
/// What cannot be matched in this way (looking around, going back to a group) is no pattern here. Characters are Unicode scalars;
/// `\d`, `\w`, `\s` and the named classes are Unicode's.
///
///     let version = try Pattern(#"\d+\.\d+\.\d+"#)
///     var steps = Limits.patternSteps
///     version.matches("1.4.2", steps: &steps)  // true
package struct Pattern: Sendable {
    private let program: PatternProgram

    /// Throws what the text has that no pattern may have, and where.
    package init(_ text: String) throws(PatternError) {
        var parser = PatternParser(text)
        program = try PatternProgram(try parser.parse())
    }

    /// Why the text is no pattern; nil when it is one.
    package static func fault(in text: String) -> String? {
        do throws(PatternError) {
            _ = try Pattern(text)
            return nil
        } catch {
            return error.description
        }
    }

    /// Whether it matches all of the text. nil when that could take more than `steps`, of which it takes what it needs.
    package func matches(_ text: String, steps: inout Int) -> Bool? {
        let (needed, overflow) = program.states.multipliedReportingOverflow(by: text.unicodeScalars.count + 1)
        guard !overflow, needed <= steps else { return nil }
        steps -= needed
        return program.matches(text)
    }
}

/// What a text has that no pattern may have.
package struct PatternError: Error, Hashable, CustomStringConvertible {
    package var message: String
    /// The character of the pattern at which it was found, from 1; nil: it is about the whole.
    package var position: Int?

    package var description: String { position.map { "\(message), at character \($0)" } ?? message }
}
