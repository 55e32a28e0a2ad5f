package import HTTPTypes
package import Hummingbird

/// One entry of the route table.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Call) async throws -> Response

    package var method: HTTPRequest.Method
    /// With parameters in braces: `/v1/runs/{id}`.
    package var path: String
    /// The word for what it does: in logs, metrics, OpenAPI (`operationId`) and the role matrix.
    package var verb: String
    package var access: Access
    package var contract: Contract
    package var handler: Handler

    init(
        _ method: HTTPRequest.Method, _ path: String, _ verb: String, _ access: Access, _ contract: Contract,
        _ handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.verb = verb
        self.access = access
        self.contract = contract
        self.handler = handler
    }

    /// The names in braces.
    package var parameterNames: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }
}

/// A type that travels in a body.
package typealias WireType = Decodable & Sendable

/// What a route takes and gives, for `/openapi.json`.
package struct Contract: Sendable {
    package var summary: String
    package var query: [Query]
    package var body: (any WireType.Type)?
    package var answer: Answer

    package struct Query: Sendable {
        package var name: String
        package var help: String
    }

    package enum Answer: Sendable {
        case json(any WireType.Type, status: Int)
        case text(String)
        case nothing
    }

    init(_ summary: String, query: [Query] = [], body: (any WireType.Type)? = nil, answer: Answer) {
        self.summary = summary
        self.query = query
        self.body = body
        self.answer = answer
    }

    static func gives(_ type: any WireType.Type, _ summary: String, query: [Query] = []) -> Contract {
        Contract(summary, query: query, answer: .json(type, status: 200))
    }

    static func takes(
        _ body: any WireType.Type, gives type: any WireType.Type, status: Int = 200, _ summary: String
    ) -> Contract {
        Contract(summary, body: body, answer: .json(type, status: status))
    }
}

extension Contract.Query {
    static let limit = Contract.Query(name: "limit", help: "Items of the page; 50 unless given, 1000 at most.")
    static let fullLimit = Contract.Query(name: "limit", help: "Items of the page; 1000 unless given, and at most.")
    static let after = Contract.Query(name: "after", help: "`next` of the page before.")
}
