import FlowModel

/// The JSON of a page while it grows: at least one item, and no more than `APILimits.pageBytes`.
struct PageDraft {
    private(set) var count = 0
    private var bytes: [UInt8]

    init(items name: String = "items") { bytes = Array("{\(JSON.string(name).canonical):[".utf8) }

    /// False when it does not fit any more; then the page is as before.
    mutating func add(_ item: some Encodable) throws -> Bool {
        let encoded = try Answer.encode(item)
        guard count == 0 || bytes.count + encoded.count <= APILimits.pageBytes else { return false }
        if count > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes += encoded
        count += 1
        return true
    }

    /// - Parameters:
    ///   - next: what the page behind it begins after; nil when there is none.
    ///   - members: what stands behind the items.
    func finished(next: String?, members: [String: JSON] = [:]) -> [UInt8] {
        var members = members
        members["next"] = next.map(JSON.string)
        let text = members.sorted { $0.key < $1.key }.map { ",\(JSON.string($0.key).canonical):\($0.value.canonical)" }.joined()
        return bytes + Array("]\(text)}".utf8)
    }
}
