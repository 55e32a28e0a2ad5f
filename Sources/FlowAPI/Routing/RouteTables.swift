import HTTPTypes

/// The route table as Markdown, for `docs/reference`. A test compares the pages with it.
package enum RouteTables {
    /// `docs/reference/roles.md`: who may use what.
    package static var roles: String {
        var lines = ["| verb | route | anyone | viewer | operator | author | admin |", "|---|---|---|---|---|---|---|"]
        for route in Routes.all {
            var cells = [route.access == .anyone ? "yes" : ""]
            for role in Role.allCases {
                switch route.access {
                case .anyone: cells.append("yes")
                case .role(let needed): cells.append(role >= needed ? "yes" : "")
                }
            }
            lines.append("| \(route.verb) | `\(route.method.rawValue) \(route.path)` | \(cells.joined(separator: " | ")) |")
        }
        return lines.joined(separator: "\n")
    }

    /// `docs/reference/http-api.md`: what there is.
    package static var routes: String {
        var lines = ["| route | minimum role | body | answer | |", "|---|---|---|---|---|"]
        for route in Routes.all {
            let query = route.contract.query.map { "`\($0.name)`: \($0.help)" }.joined(separator: " ")
            let body = route.contract.body.map(name) ?? (route.method == .put ? "bytes" : "")
            let summary = [route.contract.summary, query].filter { !$0.isEmpty }.joined(separator: " ")
            lines.append(
                "| `\(route.method.rawValue) \(route.path)` | \(route.access.name) | \(body) | \(answer(route.contract.answer)) | \(summary) |"
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func answer(_ answer: Contract.Answer) -> String {
        switch answer {
        case .json(let type, let status): status == 200 ? name(type) : "\(status) \(name(type))"
        case .text(let media): media
        case .nothing: "204"
        }
    }

    private static func name(_ type: any WireType.Type) -> String { SchemaProbe.name(of: type) }
}
