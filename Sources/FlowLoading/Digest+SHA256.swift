internal import Crypto
package import FlowModel

extension FlowModel.Digest {
    /// The SHA-256 digest of the bytes.
    package init(of bytes: some Sequence<UInt8>) {
        var hash = SHA256()
        let isContiguous: Void? = bytes.withContiguousStorageIfAvailable {
            hash.update(bufferPointer: UnsafeRawBufferPointer($0))
        }
        if isContiguous == nil { hash.update(data: Array(bytes)) }
        self = hash.finalize().withUnsafeBytes { Digest(bytes: $0) }
    }
}
