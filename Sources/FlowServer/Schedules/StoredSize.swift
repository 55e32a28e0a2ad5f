import FlowModel

/// What a schedule, hook, freeze or window may take: all of it stands in the audit trail.
enum StoredSize {
    /// - Parameter subject: in words: `Schedule 'nightly'`.
    static func check(_ spec: some Encodable, _ name: String, _ subject: String) throws(FlowError) {
        // One that cannot be written is refused where it is written.
        guard let bytes = (try? JSON(encoding: spec))?.canonicalBytes.count, bytes > Limits.storedSpecBytes else { return }
        throw FlowError(
            .tooLarge, subject: name, "\(subject) was not taken: it has \(bytes) bytes with its inputs; at most \(Limits.storedSpecBytes) are kept.",
            hint: "leave what is large to the flow, as a default or in a file")
    }
}
