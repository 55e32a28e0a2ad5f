internal import FlowModel

/// A shell command: a string literal whose interpolations reach the script as quoted variables, one argument each.
///
///     shell("build", "make dist VERSION=\($version)")
///
/// No value can change what the command means. Where quoting could not hold (inside quotes, here-documents, backticks,
/// `${…}`, arithmetic, comments, after `eval` and its like) the flow is refused. `\(raw: text)` inserts text as it is.
public struct Command: Sendable, ExpressibleByStringInterpolation {
    public typealias StringInterpolation = Interpolation<Command>

    let text: String
    let variables: [ShellSpec.Variable]
    /// Interpolations that quoting cannot protect.
    let refusals: [Refusal]

    struct Refusal: Sendable {
        var reason: String
        var site: Site
    }

    public init(stringLiteral text: String) {
        self.text = text
        variables = []
        refusals = []
    }

    public init(stringInterpolation: Interpolation<Command>) {
        var text = ""
        var variables: [ShellSpec.Variable] = []
        var sites: [Site] = []
        var symbols: [ShellLexer.Symbol] = []
        for part in stringInterpolation.parts {
            switch part {
            case .text(let piece):
                text += piece
                symbols += piece.utf8.map(ShellLexer.Symbol.byte)
            case .value(let expression, let site):
                let name = "flow_\(variables.count + 1)"
                variables.append(ShellSpec.Variable(name: name, value: expression))
                sites.append(site)
                text += "\"${\(name)}\""
                symbols.append(.value)
            }
        }
        self.text = text
        self.variables = variables
        refusals = ShellLexer.refusals(in: symbols).map { Refusal(reason: $0.reason, site: sites[$0.value]) }
    }
}

extension Interpolation where Whole == Command {
    /// Text that becomes part of the script as it stands: nothing quotes it.
    public mutating func appendInterpolation(raw text: String) { appendLiteral(text) }
}
