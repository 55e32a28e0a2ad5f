package import FlowModel

extension Digest {
    /// The SHA-256 of the bytes.
    package init(of bytes: [UInt8]) { self = bytes.withUnsafeBytes { Digest(contentsOf: $0) } }

    /// The SHA-256 of the bytes.
    package init(of bytes: some Sequence<UInt8>) {
        self =
            bytes.withContiguousStorageIfAvailable { Digest(contentsOf: UnsafeRawBufferPointer($0)) }
            ?? Digest(of: [UInt8](bytes))
    }

    private init(contentsOf bytes: UnsafeRawBufferPointer) {
        let context = DigestContext.ofThread
        context.add(bytes)
        self = context.end()
    }
}
