import FlowModel
import FlowWire
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore

/// Makes responses. Every one goes through here, so that every one says what it is and that it must not be kept or guessed at.
enum Answer {
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) throws -> Response {
        bytes(ByteBuffer(bytes: try encode(value)), type: "application/json", status: status, headers: headers)
    }

    static func page<Item: Codable & Sendable>(_ items: [Item], next: String? = nil) throws -> Response {
        try json(Wire.Page(items: items, next: next))
    }

    /// A page that ends early rather than being large: behind so many bytes `next` goes on. `hasMore`: whether there is more behind `items`.
    static func page<Item: Codable & Sendable>(
        _ items: [Item], hasMore: Bool, cursor: (Int) -> String
    ) throws -> Response {
        let (count, body) = try pageBody(items)
        var bytes = body
        if let last = items.indices.prefix(count).last, hasMore || count < items.count {
            bytes += Array(#","next":"#.utf8) + JSON.string(cursor(last)).canonicalBytes
        }
        return self.bytes(ByteBuffer(bytes: bytes + Array("}".utf8)), type: "application/json")
    }

    /// How many of the items fit, at least one, and the beginning of the page with them.
    private static func pageBody(_ items: [some Encodable]) throws -> (Int, [UInt8]) {
        var bytes = Array(#"{"items":["#.utf8)
        var count = 0
        for item in items {
            let encoded = try encode(item)
            guard count == 0 || bytes.count + encoded.count <= APILimits.pageBytes else { break }
            if count > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += encoded
            count += 1
        }
        bytes.append(UInt8(ascii: "]"))
        return (count, bytes)
    }

    static func nothing() -> Response {
        Response(status: .noContent, headers: standardHeaders(nil))
    }

    static func text(_ text: String, type: String) -> Response {
        bytes(ByteBuffer(string: text), type: type)
    }

    static func problem(_ error: FlowError) -> Response {
        let problem = Wire.Problem(error)
        var headers: HTTPFields = [:]
        if error.code == .unauthenticated { headers[.wwwAuthenticate] = "Bearer realm=\"flow\"" }
        if error.code == .overloaded { headers[.retryAfter] = "1" }
        // A problem consists of texts and numbers; encoding those cannot fail.
        let body = (try? encode(problem)) ?? []
        return bytes(
            ByteBuffer(bytes: body), type: Wire.Problem.mediaType, status: .init(code: problem.status), headers: headers)
    }

    /// A body that is written as it comes.
    static func stream(
        type: String, headers: HTTPFields = [:], length: Int? = nil,
        _ write: @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) -> Response {
        var all = standardHeaders(type)
        for field in headers { all[field.name] = field.value }
        return Response(status: .ok, headers: all, body: ResponseBody(contentLength: length, write))
    }

    private static func bytes(
        _ body: ByteBuffer, type: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var all = standardHeaders(type)
        for field in headers { all[field.name] = field.value }
        return Response(status: status, headers: all, body: ResponseBody(byteBuffer: body))
    }

    private static func standardHeaders(_ type: String?) -> HTTPFields {
        var headers: HTTPFields = [
            .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
        ]
        headers[.contentType] = type
        return headers
    }

    /// Sorted keys: the same value always gives the same bytes.
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        if let json = value as? JSON { return json.canonicalBytes }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}
