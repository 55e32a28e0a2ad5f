internal import FlowEngine
internal import FlowModel
internal import Glibc
internal import Synchronization

/// Large blobs as files under `blobs/`, named by digest: `blobs/ab/cdef…`.
///
/// A file is complete and durable before any row names it. Files that no row names (a crash in between) do no harm.
struct BlobFiles: Sendable {
    private let root: String

    init(directory: String) throws(FileFault) {
        root = directory + "/blobs"
        try Files.makeDirectory(root + "/incoming")
        // Uploads that an earlier process did not finish.
        for name in Files.names(in: root + "/incoming") { unlink("\(root)/incoming/\(name)") }
    }

    func path(of digest: Digest) -> String { "\(root)/\(digest.hex.prefix(2))/\(digest.hex.dropFirst(2))" }

    /// Writes the bytes under their digest, durably, unless they are there: a file that was damaged since is replaced.
    func write(_ bytes: [UInt8], as digest: Digest) throws(FileFault) {
        if Files.status(path(of: digest))?.st_size ?? -1 == bytes.count, (try? read(digest, size: bytes.count)) == bytes { return }
        let upload = try Upload(self)
        try upload.append(bytes)
        try upload.finish(as: digest)
    }

    func read(_ digest: Digest, size: Int) throws(StoreError) -> [UInt8] {
        let path = path(of: digest)
        do throws(FileFault) {
            let bytes = try Files.Descriptor(opening: path, O_RDONLY).read(size + 1)
            guard bytes.count == size else { throw FileFault("read", path, EIO) }
            return bytes
        } catch {
            throw .corrupt("blob \(digest.short): \(error)")
        }
    }

    /// At most `limit` bytes from `offset`, as they are.
    func read(_ digest: Digest, from offset: Int, limit: Int) throws(FileFault) -> [UInt8] {
        try Files.Descriptor(opening: path(of: digest), O_RDONLY).read(limit, at: offset)
    }

    /// The digests that files are named by.
    func all() -> [Digest] {
        Files.names(in: root).filter { $0.utf8.count == 2 }.sorted().flatMap { folder in
            Files.names(in: "\(root)/\(folder)").sorted().compactMap { Digest(hex: folder + $0) }
        }
    }

    func remove(_ digest: Digest) { unlink(path(of: digest)) }

    /// A file on its way in: complete and durable once it is finished, gone when it is dropped before.
    final class Upload: Sendable {
        private static let counter = Atomic<Int>(0)
        private let files: BlobFiles
        private let path: String
        private let number: CInt

        init(_ files: BlobFiles) throws(FileFault) {
            self.files = files
            path = "\(files.root)/incoming/\(Upload.counter.add(1, ordering: .relaxed).newValue)"
            number = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard number >= 0 else { throw FileFault("open", path) }
        }

        deinit {
            close(number)
            unlink(path)
        }

        func append(_ bytes: [UInt8]) throws(FileFault) {
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress?.advanced(by: done), $0.count - done) }
                guard count > 0 || errno == EINTR else { throw FileFault("write", path) }
                done += max(0, count)
            }
        }

        /// Makes the content durable: what `finish` has to do is little then.
        func synchronize() throws(FileFault) {
            guard fsync(number) == 0 else { throw FileFault("fsync", path) }
        }

        /// Makes the content durable under its name.
        func finish(as digest: Digest) throws(FileFault) {
            try synchronize()
            let target = files.path(of: digest)
            let folder = "\(files.root)/\(digest.hex.prefix(2))"
            if !Files.exists(folder) {
                try Files.makeDirectory(folder)
                try Files.synchronize(directory: files.root)
            }
            try Files.rename(path, to: target)
            try Files.synchronize(directory: folder)
        }
    }
}
