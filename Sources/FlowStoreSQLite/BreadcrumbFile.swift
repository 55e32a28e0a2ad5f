internal import CFlowShims
internal import FlowEngine
internal import FlowModel
internal import Glibc

/// The run in hand, in a file of constant size that is written in place: it survives the process and needs no room.
struct BreadcrumbFile: Sendable {
    private static let size = 64
    private let path: String
    private let descriptor: Descriptor

    /// Closes with the last copy.
    private final class Descriptor: Sendable {
        let number: CInt
        init(_ number: CInt) { self.number = number }
        deinit { close(number) }
    }

    init(path: String) throws(FileFault) {
        self.path = path
        var other: UnsafePointer<CChar>?
        let number = flow_open_plain(path, O_RDWR | O_CREAT, 0o600, &other)
        guard number >= 0 else { throw FileFault(opening: path, other) }
        descriptor = Descriptor(number)
        // A new file gets its room now.
        guard Files.status(path)?.st_size ?? 0 < BreadcrumbFile.size else { return }
        try write(nil)
    }

    /// nil when nothing was in hand, or the file says nothing that makes sense: a hint may be lost, not believed.
    func read() -> Breadcrumb? {
        var bytes = [UInt8](repeating: 0, count: BreadcrumbFile.size)
        guard pread(descriptor.number, &bytes, bytes.count, 0) == bytes.count else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let run = RunID(String(words[0])), let crashes = Int(words[1]) else { return nil }
        return Breadcrumb(run: run, crashes: crashes)
    }

    func write(_ breadcrumb: Breadcrumb?) throws(FileFault) {
        let text = breadcrumb.map { "\($0.run.text) \($0.crashes)" } ?? ""
        var bytes = Array(text.utf8.prefix(BreadcrumbFile.size - 1))
        bytes += [UInt8](repeating: 0x20, count: BreadcrumbFile.size - 1 - bytes.count) + [0x0A]
        guard pwrite(descriptor.number, bytes, bytes.count, 0) == bytes.count else { throw FileFault("write", path) }
    }
}
