import FlowEngine
import FlowModel

/// `flow=release & state=failed,cancelled & label.team=pay`: what `where` says of the runs that are wanted. All terms must hold.
enum RunFilter {
    static func apply(_ text: String, to query: inout RunQuery) throws(FlowError) {
        for term in text.split(separator: "&", omittingEmptySubsequences: false) {
            let parts = term.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0).trimmed }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw refusal("a term is NAME=VALUE, found '\(String(term).trimmed)'")
            }
            try apply(parts[0], parts[1], to: &query)
        }
    }

    private static func apply(_ name: String, _ value: String, to query: inout RunQuery) throws(FlowError) {
        switch name {
        case "flow":
            guard query.flow == nil || query.flow == value else { throw refusal("it asks for two flows, '\(query.flow ?? "")' and '\(value)'") }
            query.flow = value
        case "state":
            for name in value.split(separator: ",").map({ String($0).trimmed }) {
                guard let state = RunState(rawValue: name) else {
                    throw refusal("there is no run state '\(name)'; states: \(RunState.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                query.states.insert(state)
            }
        default:
            guard name.hasPrefix("label."), name.count > 6 else {
                throw refusal("there is no '\(name)'; terms begin with flow=, state= or label.NAME=")
            }
            try add(String(name.dropFirst(6)), value, to: &query)
        }
    }

    /// One more label that the runs must have.
    static func add(_ name: String, _ value: String, to query: inout RunQuery) throws(FlowError) {
        query.labels[name] = value
        guard query.labels.count <= APILimits.filterLabels else {
            throw refusal("more than \(APILimits.filterLabels) labels are asked for")
        }
    }

    private static func refusal(_ why: String) -> FlowError {
        FlowError(
            .usage, subject: "where", "The runs cannot be listed: in 'where' \(why).",
            hint: "flowctl list --where 'flow=release & state=failed & label.team=pay'")
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
