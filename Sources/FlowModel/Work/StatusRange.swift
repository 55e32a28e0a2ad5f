/// Statuses of HTTP from one to another: `200`, `"200-299"`.
package struct StatusRange: Hashable, Sendable {
    package static let success = StatusRange(200, 299)

    package var first: Int
    package var last: Int

    package init(_ first: Int, _ last: Int) {
        self.first = first
        self.last = last
    }

    package func contains(_ status: Int) -> Bool { first <= status && status <= last }
    package var text: String { first == last ? "\(first)" : "\(first)-\(last)" }
}

extension StatusRange: JSONValueCodable {
    package init(json: JSON) throws(JSONMisfit) {
        if case .int(let status) = json {
            self.init(status, status)
        } else if case .string(let text) = json, case let parts = text.split(separator: "-", omittingEmptySubsequences: false), parts.count == 2,
            let first = Int(parts[0]), let last = Int(parts[1])
        {
            self.init(first, last)
        } else {
            throw JSONMisfit("must be a status such as 200, or several such as \"200-299\"")
        }
    }

    package var json: JSON { first == last ? .int(first) : .string(text) }

    package static var schema: JSON {
        [
            "description": "A status of HTTP, or all from one to another.",
            "oneOf": [["type": "integer", "minimum": 100, "maximum": 599], ["type": "string", "pattern": "^[0-9]{3}-[0-9]{3}$"]],
        ]
    }
}
