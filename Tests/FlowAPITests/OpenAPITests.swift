import FlowAPI
import FlowEngine
import FlowHTTP
import FlowModel
import FlowWire
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import Testing

@Suite("OpenAPI", .timeLimit(.minutes(10)))
struct OpenAPITests {
    @Test func `every route of the table is described, with its role`() throws {
        for route in Routes.all {
            let operation = OpenAPIDocument.json["paths"]?[route.path]?[route.method.rawValue.lowercased()]
            #expect(operation?["operationId"]?.stringValue == route.verb)
            #expect(operation?["x-minimum-role"]?.stringValue == route.access.name)
        }
    }

    @Test func `every reference leads somewhere, and every wire type has its fields`() throws {
        let schemas = try #require(OpenAPIDocument.json["components"]?["schemas"]?.objectValue)
        func check(_ value: JSON) {
            if let reference = value["$ref"]?.stringValue, reference.hasPrefix("#/components/schemas/") {
                #expect(schemas[String(reference.dropFirst(21))] != nil, "\(reference)")
            }
            for member in value.objectValue?.values.map({ $0 }) ?? value.arrayValue ?? [] { check(member) }
        }
        check(OpenAPIDocument.json)
        for (name, schema) in schemas {
            let forms = schema["oneOf"]?.arrayValue ?? []
            #expect(!forms.isEmpty || schema["properties"]?.objectValue?.isEmpty == false, "\(name) has no fields")
        }
        let run = schemas["Run"]
        #expect(run?["required"]?.arrayValue?.contains("state") == true)
        #expect(run?["required"]?.arrayValue?.contains("endedAt") == false)
        #expect(run?["properties"]?["state"]?["enum"]?.arrayValue?.count == RunState.allCases.count)
        #expect(run?["properties"]?["steps"]?["items"]?["$ref"] == "#/components/schemas/Step")
    }

    /// Needs the Python package openapi-spec-validator; skipped where it is not installed.
    @Test(.enabled(if: OpenAPITests.hasValidator)) func `the document is valid OpenAPI 3.1`() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "flow-openapi-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(OpenAPIDocument.json.canonicalBytes).write(to: file)
        let (status, output) = try OpenAPITests.python(
            """
            import json, sys
            from openapi_spec_validator import validate
            validate(json.load(open("\(file.path)")))
            """)
        #expect(status == 0, "\(output)")
    }

    static let hasValidator = (try? python("import openapi_spec_validator").status) == 0

    static func python(_ program: String) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [ProcessInfo.processInfo.environment["FLOW_TEST_PYTHON"] ?? "python3", "-c", program]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
