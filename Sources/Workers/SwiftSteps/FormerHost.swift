import CFlowShims
import FlowModel
import Glibc

/// A flow host that another engine started: it goes on with its steps, and can be waited for and killed, not asked.
final class FormerHost: Sendable {
    private let pid: pid_t
    private let pidfd: CInt
    private let hasKeeper: Bool

    /// Blocks for a moment. nil when the process has ended.
    init?(_ started: StepRecords.Started) throws {
        guard try SmallFile.line("/proc/sys/kernel/random/boot_id") == started.bootID else { return nil }
        pidfd = flow_confine_pidfd(started.pid)
        pid = started.pid
        hasKeeper = started.hasKeeper ?? false
        guard pidfd >= 0 else { return nil }
        // Asked after it was opened, the number is that of the process behind it.
        guard StepRecords.birth(of: started.pid) == started.birth else { return nil }
    }

    deinit { if pidfd >= 0 { close(pidfd) } }

    var hasEnded: Bool {
        var event = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) == 1
    }

    /// Whether it is certain that the step of this record was not taken and never will be: the process reads no more requests, which it shows by
    /// writing nowhere, and does not hold the record. False where that cannot be seen. Blocks for a moment.
    func willNotTake(_ record: String, of binary: Digest) -> Bool {
        var file = stat()
        guard hasKeeper, lstat(record, &file) == 0, let text = try? SmallFile.line("/proc/\(pid)/task/\(pid)/children") else { return false }
        // Copies of itself that it made without becoming another program may hold it too.
        let all = text.split(separator: " ").compactMap { pid_t($0) }.filter { FormerHost.program(of: $0)?.contains("/\(binary.hex)") == true }
        return !all.isEmpty && all.allSatisfy { FormerHost.readsNoMore($0) && FormerHost.holds($0, file) == false }
    }

    private static func program(of process: pid_t) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/\(process)/exe", &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    private static func readsNoMore(_ process: pid_t) -> Bool {
        var (nowhere, output) = (stat(), stat())
        guard stat("/dev/null", &nowhere) == 0, nowhere.st_mode & S_IFMT == S_IFCHR else { return false }
        return [1, 2].allSatisfy {
            stat("/proc/\(process)/fd/\($0)", &output) == 0 && output.st_mode & S_IFMT == S_IFCHR && output.st_rdev == nowhere.st_rdev
        }
    }

    /// nil: it cannot be seen.
    private static func holds(_ process: pid_t, _ file: stat) -> Bool? {
        guard let folder = opendir("/proc/\(process)/fd") else { return nil }
        defer { closedir(folder) }
        var held = stat()
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.first != ".", stat("/proc/\(process)/fd/\(name)", &held) == 0 else { continue }
            if held.st_dev == file.st_dev, held.st_ino == file.st_ino { return true }
        }
        return false
    }

    /// With everything that it started; of one without a keeper, with what stayed in its session's group.
    func kill() {
        guard !hasEnded else { return }
        if hasKeeper {
            _ = flow_spawn_end(pidfd)
        } else {
            Glibc.kill(-pid, SIGKILL)
            _ = flow_spawn_signal(pidfd, SIGKILL)
        }
    }
}
