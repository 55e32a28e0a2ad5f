package import FlowModel
internal import Glibc

/// A folder to compile in. It is locked as long as somebody has it: one whose process was killed can be told from one that is in use.
package final class WorkFolder: Sendable {
    /// Others may remove one before it is locked.
    private static let tries = 10
    /// Without locks age has to tell: no compiler takes so long.
    private static let unlockedSeconds = 3_600

    package let path: String
    private let descriptor: CInt

    package init(in parent: String) throws(FlowError) {
        for _ in 0..<WorkFolder.tries {
            var template = Array("\(parent)/XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw Files.failure("make a folder in", parent) }
            let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let descriptor = WorkFolder.open(path)
            // A file system without locks leaves it unlocked, for everybody.
            guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, WorkFolder.isThere(path, descriptor) else {
                if descriptor >= 0 { close(descriptor) }
                continue
            }
            (self.path, self.descriptor) = (path, descriptor)
            return
        }
        throw FlowError(.load, subject: parent, "nothing was compiled: folders in '\(parent)' are removed as soon as they are made")
    }

    deinit { close(descriptor) }

    /// Removes it, if it was not moved away.
    package func remove() { Files.removeFolder(path) }

    /// Removes what is there, unless somebody has it.
    static func removeIfLeft(_ path: String) {
        let descriptor = open(path)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
            Files.removeFolder(path)
        } else if errno != EWOULDBLOCK, let age = age(of: descriptor), age > unlockedSeconds {
            Files.removeFolder(path)
        }
    }

    private static func open(_ path: String) -> CInt { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }

    /// Whether the path still leads to what is open.
    private static func isThere(_ path: String, _ descriptor: CInt) -> Bool {
        var (named, opened) = (stat(), stat())
        return lstat(path, &named) == 0 && fstat(descriptor, &opened) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev
    }

    private static func age(of descriptor: CInt) -> Int? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? time(nil) - status.st_mtim.tv_sec : nil
    }
}
