package import FlowModel

/// A SHA-256 of bytes that come in parts.
package struct RunningDigest: ~Copyable, @unchecked Sendable {
    // Nobody else has it: whoever has the value may use it, on any thread.
    private let context = DigestContext()

    package init() {}

    deinit { context.free() }

    package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { context.add($0) } }

    package consuming func finish() -> Digest { context.end() }
}
