/// Which ended runs are kept, and for how long.
package struct RetentionPolicy: Hashable, Sendable {
    /// Runs of this flow; of any when nil.
    package var flow: String?
    /// Runs with all of these labels.
    package var labels: [String: String]
    /// What ended longer ago is deleted; nil keeps whatever its age.
    package var days: Double?
    /// As many as have ended last are kept, older ones deleted; nil keeps whatever their number.
    package var runs: Int?

    package init(flow: String? = nil, labels: [String: String] = [:], days: Double? = nil, runs: Int? = nil) {
        self.flow = flow
        self.labels = labels
        self.days = days
        self.runs = runs
    }
}

/// The runs that a policy is for: those that fit it, and none of the policies before it.
package struct RetainedRuns: Hashable, Sendable {
    private var policy: RetentionPolicy
    private var earlier: [RetentionPolicy]

    package static let all = RetainedRuns(RetentionPolicy(), after: [])

    package init(_ policy: RetentionPolicy, after earlier: [RetentionPolicy]) {
        self.policy = policy
        self.earlier = earlier
    }

    /// A condition on table `run`, and the values of its marks.
    var condition: (sql: String, values: [String]) {
        var (sql, values) = RetainedRuns.condition(of: policy)
        for other in earlier {
            let (inner, innerValues) = RetainedRuns.condition(of: other)
            sql += " AND NOT (\(inner))"
            values += innerValues
        }
        return (sql, values)
    }

    private static func condition(of policy: RetentionPolicy) -> (sql: String, values: [String]) {
        var (terms, values) = (["1"], [String]())
        if let flow = policy.flow {
            terms.append("+flow = ?")
            values.append(flow)
        }
        for (name, value) in policy.labels.sorted(by: { $0.key < $1.key }) {
            terms.append("run.id IN (SELECT run FROM label WHERE name = ? AND value = ?)")
            values += [name, value]
        }
        return (terms.joined(separator: " AND "), values)
    }
}
