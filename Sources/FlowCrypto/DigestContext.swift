import CLibCrypto
import FlowModel
import Glibc

/// A SHA-256 in the making.
struct DigestContext {
    private let pointer: OpaquePointer

    init() {
        guard let pointer = EVP_MD_CTX_new(), EVP_DigestInit_ex2(pointer, Algorithms.sha256, nil) == 1 else {
            CryptoFault.trap("make a context for SHA-256")
        }
        self.pointer = pointer
    }

    func free() { EVP_MD_CTX_free(pointer) }

    /// Forgets what it has.
    func begin() {
        // No algorithm given: that of the last time, and nothing is allocated.
        guard EVP_DigestInit_ex2(pointer, nil, nil) == 1 else { CryptoFault.trap("begin a SHA-256") }
    }

    func add(_ bytes: UnsafeRawBufferPointer) {
        guard EVP_DigestUpdate(pointer, bytes.baseAddress, bytes.count) == 1 else { CryptoFault.trap("add to a SHA-256") }
    }

    /// The digest. Nothing can be added then before it begins again.
    func end() -> Digest {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digest in
            guard EVP_DigestFinal_ex(pointer, digest.baseAddress, nil) == 1 else { CryptoFault.trap("end a SHA-256") }
            return Digest(bytes: UnsafeRawBufferPointer(digest))
        }
    }

    // MARK: - That of the thread

    /// The thread's own, begun anew: a digest in one go allocates nothing. Not to be kept, nor held over code that may hash.
    static var ofThread: DigestContext {
        guard let kept = pthread_getspecific(key) else { return madeForThread() }
        let context = DigestContext(kept)
        context.begin()
        return context
    }

    private init(_ kept: UnsafeMutableRawPointer) { pointer = OpaquePointer(kept) }

    /// The context is freed when its thread ends.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key) { EVP_MD_CTX_free($0.map { OpaquePointer($0) }) }
        guard code == 0 else { fatalError("there is no room for a context of each thread: \(String(cString: strerror(code)))") }
        return key
    }()

    private static func madeForThread() -> DigestContext {
        let context = DigestContext()
        let code = pthread_setspecific(key, UnsafeRawPointer(context.pointer))
        guard code == 0 else { fatalError("a context could not be kept for the thread: \(String(cString: strerror(code)))") }
        return context
    }
}
