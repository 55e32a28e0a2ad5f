import FlowModel
import Foundation
import Synchronization
import Testing
import Workers

@Suite("SSH dials", .timeLimit(.minutes(1)))
struct SSHDialTests {
    /// A number that is closed twice may be another thread's file by then: a host that refuses would break what runs elsewhere.
    @Test func `a refused connection is closed once`() async throws {
        let pool = try SSHPool()
        let neighbour = Neighbour()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<3_000 {
                // Nobody listens on tcpmux's port.
                let host = Host(name: "closed-\(number)", address: "127.0.0.1", port: 1, user: "nobody")
                group.addTask {
                    let error = await transportError { _ = try await pool.transport(to: host).open("true") }
                    #expect(error?.phase == .connect)
                }
            }
        }
        await pool.shutDown()
        let (opened, robbed) = neighbour.end()
        #expect(opened > 10)
        #expect(robbed == 0, "of \(opened) files of another thread \(robbed) were closed by somebody else")
    }
}

/// A thread that opens files and closes them, and counts those that somebody else has closed.
private final class Neighbour: Sendable {
    private let isOver = Atomic(false)
    private let counts = Mutex((opened: 0, robbed: 0))
    private let ended = DispatchSemaphore(value: 0)

    init() {
        Thread.detachNewThread { [self] in
            var (opened, robbed) = (0, 0)
            while !isOver.load(ordering: .relaxed) {
                let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
                opened += 1
                sched_yield()
                if close(file) != 0 { robbed += 1 }
            }
            counts.withLock { $0 = (opened, robbed) }
            ended.signal()
        }
    }

    func end() -> (opened: Int, robbed: Int) {
        isOver.store(true, ordering: .relaxed)
        ended.wait()
        return counts.withLock { $0 }
    }
}
