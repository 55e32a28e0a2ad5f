package import FlowModel
import FlowWire
import HTTPTypes
import NIOCore

/// `/openapi.json`: OpenAPI 3.1, made from the route table and the wire types, once.
package enum OpenAPIDocument {
    package static let json: JSON = make(Routes.all)
    /// As it is answered, the same bytes for everybody: it is large, and anybody may ask for it.
    static let answer = ByteBuffer(bytes: json.canonicalBytes)

    static func make(_ routes: [Route]) -> JSON {
        var probe = SchemaProbe()
        let problem = probe.schema(of: Wire.Problem.self)
        var paths: [String: JSON] = [:]
        for route in routes {
            var item = paths[route.path]?.objectValue ?? [:]
            item[route.method.rawValue.lowercased()] = operation(route, &probe)
            paths[route.path] = .object(item)
        }
        let problemAnswer: JSON = [
            "description": "A problem (RFC 9457).", "content": .object([Wire.Problem.mediaType: ["schema": problem]]),
        ]
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Flow", "version": .string(flowVersion),
                "description": "Durable workflows for operations. Roles: docs/reference/roles.md.",
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/"]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(probe.components),
                "responses": ["Problem": problemAnswer],
                "securitySchemes": [
                    "token": [
                        "type": "http", "scheme": "bearer",
                        "description": "A token of `flowctl token create`. On the unix socket the kernel says who asks.",
                    ]
                ],
            ],
        ]
    }

    private static func operation(_ route: Route, _ probe: inout SchemaProbe) -> JSON {
        var parameters: [JSON] = route.parameterNames.map { name in
            ["name": .string(name), "in": "path", "required": true, "schema": ["type": "string"]]
        }
        parameters += route.contract.query.map { query in
            [
                "name": .string(query.name), "in": "query", "required": false, "description": .string(query.help),
                "schema": ["type": "string"],
            ]
        }
        if route.verb == "run.start" || route.verb == "run.signal" {
            parameters.append([
                "name": "Idempotency-Key", "in": "header", "required": false, "schema": ["type": "string"],
                "description": "The same key with the same content is done once, and answered again.",
            ])
        }
        let tag = route.verb.split(separator: ".").first.map(String.init) ?? route.verb
        var operation: [String: JSON] = [
            "operationId": .string(route.verb), "summary": .string(route.contract.summary), "tags": [.string(tag)],
            "x-minimum-role": .string(route.access.name), "responses": responses(route, &probe),
        ]
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if case .role = route.access { operation["security"] = [["token": []]] }
        if let body = route.contract.body {
            operation["requestBody"] = ["content": ["application/json": ["schema": probe.schema(of: body)]]]
        } else if route.method == .put {
            operation["requestBody"] = [
                "required": true, "content": ["application/octet-stream": ["schema": [:]]],
            ]
        }
        return .object(operation)
    }

    private static func responses(_ route: Route, _ probe: inout SchemaProbe) -> JSON {
        let success: (status: Int, answer: JSON)
        switch route.contract.answer {
        case .json(let type, let status):
            success = (status, ["description": "Done.", "content": ["application/json": ["schema": probe.schema(of: type)]]])
        case .text(let media):
            success = (200, ["description": "Done.", "content": .object([media: ["schema": ["type": "string"]]])])
        case .nothing: success = (204, ["description": "Done."])
        }
        return .object([
            String(success.status): success.answer, "default": ["$ref": "#/components/responses/Problem"],
        ])
    }
}
