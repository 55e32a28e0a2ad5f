// FlowWire: the contract of server and client — what travels in the bodies of requests and answers (contracts §2).
//
// What lives here: Codable values in the namespace `Wire`, nothing else. Field names are camelCase, instants end in `At`, durations
// in `Seconds`; a field that is not known is absent, never null. Fields are only ever added.
// What it must not know: rows, stores, HTTP libraries. It imports FlowModel and nothing else of ours.

/// The types of the HTTP API's bodies. `docs/reference/http-api.md` lists the routes that use them.
package enum Wire {}

extension Wire {
    /// One page of a list. `next`, when present, is the `after` of the next page.
    package struct Page<Item: Codable & Sendable>: Codable, Sendable {
        package var items: [Item]
        package var next: String?

        package init(items: [Item], next: String? = nil) {
            self.items = items
            self.next = next
        }
    }
}

extension Wire.Page: Equatable where Item: Equatable {}
