import CLibCurl
import Synchronization

/// How tasks and helper threads reach the loop: work that it does on its own thread, in order, all that has arrived at once.
final class Mailbox: Sendable {
    typealias Work = @Sendable (Loop) -> Void

    private struct Contents {
        var work: [Work] = []
        /// The address of what the loop waits with; nil while it does not run.
        var multi: UInt?
        var isClosed = false
    }

    private let contents = Mutex(Contents())

    /// Hands work over. False when the loop has ended: the work will not be done.
    @discardableResult
    func send(_ work: @escaping Work) -> Bool {
        contents.withLock { contents in
            guard !contents.isClosed else { return false }
            contents.work.append(work)
            // Under the lock: the loop takes the handle away under it.
            if contents.work.count == 1, let multi = contents.multi.flatMap({ UnsafeMutableRawPointer(bitPattern: $0) }) {
                curl_multi_wakeup(multi)
            }
            return true
        }
    }

    /// The loop waits with this from now on; it wakes if something has come before.
    func open(_ multi: UnsafeMutableRawPointer) {
        let address = UInt(bitPattern: multi)
        let hasWork = contents.withLock { contents in
            contents.multi = address
            return !contents.work.isEmpty
        }
        if hasWork { curl_multi_wakeup(multi) }
    }

    /// Takes everything that has arrived.
    func take() -> [Work] {
        contents.withLock { contents in
            defer { contents.work = [] }
            return contents.work
        }
    }

    /// Takes the rest and accepts no more. Its handle is not touched any more.
    func closeAndTake() -> [Work] {
        contents.withLock { contents in
            contents.isClosed = true
            contents.multi = nil
            defer { contents.work = [] }
            return contents.work
        }
    }
}
