import CFlowShims
import Dispatch
import FlowCommand
import Glibc
import Synchronization

/// Standard input, output and error of this process.
///
/// Writing and reading can block for as long as the other side likes, so they happen on threads of their own.
enum ProcessTerminal {
    private static let output = DispatchQueue(label: "flow.output")
    private static let input = DispatchQueue(label: "flow.input")
    private static let isUnread = Atomic<Bool>(false)

    static func make(_ environment: [String: String]) -> Terminal {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        return Terminal(
            writeOut: { try await write($0, to: STDOUT_FILENO) }, writeError: { try await write($0, to: STDERR_FILENO) },
            isInteractive: isTerminal && environment["TERM"] != "dumb",
            canAsk: isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1,
            style: Style(environment: environment, isTerminal: isTerminal), size: size,
            hasInput: hasInput,
            readLine: {
                await withCheckedContinuation { continuation in
                    input.async { continuation.resume(returning: Swift.readLine()) }
                }
            })
    }

    /// A pipe says so when bytes are in it by now; what comes later, or an input without an end of its own, is not waited for.
    private static let hasInput: @Sendable () -> Bool = {
        var facts = flow_file_facts()
        guard flow_facts_of_descriptor(STDIN_FILENO, &facts) == 0, isatty(STDIN_FILENO) != 1 else { return false }
        switch mode_t(facts.mode) & S_IFMT {
        case S_IFREG: return Int64(lseek(STDIN_FILENO, 0, SEEK_CUR)) < facts.size
        case S_IFIFO, S_IFSOCK:
            var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            var count: Int32 = 0
            // An end without bytes can be read, too.
            return poll(&waiting, 1, 0) == 1 && flow_bytes_to_read(STDIN_FILENO, &count) == 0 && count > 0
        default: return false
        }
    }

    private static let size: @Sendable () -> (columns: Int, rows: Int) = {
        var columns: Int32 = 0
        var rows: Int32 = 0
        guard flow_terminal_size(STDOUT_FILENO, &columns, &rows) != 0 else { return (80, 24) }
        return (Int(columns), Int(rows))
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) async throws {
        let code = await withCheckedContinuation { continuation in
            output.async { continuation.resume(returning: writeAll(bytes, to: descriptor)) }
        }
        if code == EPIPE { isUnread.store(true, ordering: .relaxed) }
        guard code == 0 else { throw WriteFailure(String(cString: strerror(code)), isClosedPipe: code == EPIPE) }
    }

    /// 0, or an errno.
    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
                if count >= 0 {
                    done += count
                } else if errno == EAGAIN {
                    // Somebody made the terminal non-blocking; wait until it takes more.
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&waiting, 1, -1)
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
    }

    /// Where nobody reads any more what is written (`flowctl list | head -1`), ends as every filter does, by SIGPIPE; otherwise returns. Only
    /// once the command is over: an engine in this process has runs to leave to another.
    static func endAsByPipeIfUnread() {
        guard isUnread.load(ordering: .relaxed) else { return }
        signal(SIGPIPE, SIG_DFL)
        kill(getpid(), SIGPIPE)
        _exit(128 + SIGPIPE)
    }
}
