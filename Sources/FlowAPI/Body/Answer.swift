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

    /// A page of as much as fits; `next` is the key of its last item when there is more.
    ///
    /// - Parameter more: the items behind the first so many, some of them at least, or none when there are no more.
    static func page<Item: Encodable & Sendable>(
        limit: Int, key: (Item) -> String, _ more: (_ last: Item?, _ limit: Int) async throws -> [Item]
    ) async throws -> Response {
        var (draft, last, isFull) = (PageDraft(), Item?.none, false)
        while !isFull {
            // One more than is shown says whether there is more.
            let items = try await more(last, limit - draft.count + 1)
            if items.isEmpty { break }
            for item in items {
                isFull = try draft.count == limit || !draft.add(item)
                if isFull { break }
                last = item
            }
        }
        return bytes(ByteBuffer(bytes: draft.finished(next: isFull ? last.map(key) : nil)), type: "application/json")
    }

    /// A page that ends early rather than being large: behind so many bytes `next` goes on. `hasMore`: whether there is more behind `items`.
    static func page<Item: Codable & Sendable>(
        _ items: [Item], hasMore: Bool, cursor: (Int) -> String
    ) throws -> Response {
        var draft = PageDraft()
        for item in items { guard try draft.add(item) else { break } }
        let last = items.indices.prefix(draft.count).last
        let next = hasMore || draft.count < items.count ? last.map(cursor) : nil
        return bytes(ByteBuffer(bytes: draft.finished(next: next)), type: "application/json")
    }

    /// A page of a list that is read whole: an installation has few of its items, or has them in memory.
    ///
    /// - Parameters:
    ///   - key: what no other item has; a page begins behind the item whose key is `after`.
    ///   - shown: what is shown of an item.
    static func page<Item, Shown: Codable & Sendable>(
        ofAll items: [Item], _ call: Call, key: (Item) -> String, shown: (Item) -> Shown
    ) throws -> Response {
        let rest = try rest(of: items, after: try call.query("after"), key: key)
        let listed = Array(rest.prefix(try call.fullPageSize()))
        return try page(listed.map(shown), hasMore: rest.count > listed.count) { key(listed[$0]) }
    }

    static func page<Item: Codable & Sendable>(ofAll items: [Item], _ call: Call, key: (Item) -> String) throws -> Response {
        try page(ofAll: items, call, key: key) { $0 }
    }

    /// The items behind the one with that key.
    static func rest<Item>(of items: [Item], after last: String?, key: (Item) -> String) throws(FlowError) -> ArraySlice<Item> {
        guard let last else { return items[...] }
        guard let place = items.firstIndex(where: { key($0) == last }) else {
            throw FlowError(
                .conflict, subject: "after",
                "Nothing was listed: '\(last.prefix(100))', behind which the page was to begin, is not in the list, or not any more.",
                hint: "begin anew, without 'after'")
        }
        return items[(place + 1)...]
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

    static func bytes(
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
