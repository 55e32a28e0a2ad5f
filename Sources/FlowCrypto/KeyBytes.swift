import CLibCrypto

/// A key in memory. It is overwritten when nobody has it any more.
///
/// Sendable, since nobody writes to it in between.
final class KeyBytes: @unchecked Sendable {
    private let memory: UnsafeMutablePointer<UInt8>
    private let count: Int

    init(_ bytes: [UInt8]) {
        count = bytes.count
        memory = .allocate(capacity: count)
        memory.initialize(from: bytes, count: count)
    }

    deinit {
        OPENSSL_cleanse(memory, count)
        memory.deallocate()
    }

    func read<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        withExtendedLifetime(self) { body(UnsafeRawBufferPointer(start: memory, count: count)) }
    }
}
