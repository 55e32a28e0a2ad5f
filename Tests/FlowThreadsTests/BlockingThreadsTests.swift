import FlowThreads
import Glibc
import Synchronization
import Testing

@Suite("Threads for what blocks", .timeLimit(.minutes(1)))
struct BlockingThreadsTests {
    private struct Fault: Error {}

    private final class Shared<Value: Sendable>: Sendable {
        private let state: Mutex<Value>
        init(_ value: Value) { state = Mutex(value) }
        var value: Value { state.withLock { $0 } }
        func change(_ work: @Sendable (inout Value) -> Void) { state.withLock { work(&$0) } }
    }

    /// Blocks until it is told not to.
    private final class Block: Sendable {
        private let isOpen = Shared(false)
        let begun = Shared(0)
        func wait() {
            begun.change { $0 += 1 }
            while !isOpen.value { usleep(1_000) }
        }
        func open() { isOpen.change { $0 = true } }
    }

    @Test func `jobs are done, and no more at once than are allowed`() async throws {
        let threads = BlockingThreads(limit: 3)
        let counts = Shared((now: 0, most: 0))
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<100 {
                group.addTask {
                    try await threads.call { () throws -> Int in
                        counts.change { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                        usleep(500)
                        counts.change { $0.now -= 1 }
                        return number
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 4_950)
        #expect((1...3).contains(counts.value.most))
        await #expect(throws: Fault.self) { try await threads.call { () throws -> Int in throw Fault() } }
    }

    @Test func `a job that hangs is waited for until then, and those behind it are not begun`() async throws {
        let threads = BlockingThreads(limit: 1)
        let block = Block()
        let soon = ContinuousClock.now + .milliseconds(100)
        async let first = threads.call(until: soon) { block.wait() }
        async let second = threads.call(until: soon) { block.wait() }
        #expect(try await first == nil)
        #expect(try await second == nil)
        block.open()
        // One that has time gets its turn.
        #expect(try await threads.call(until: .now + .seconds(30)) { 7 } == 7)
        #expect(block.begun.value == 1)
        await #expect(throws: Fault.self) { try await threads.call(until: .now + .seconds(30)) { () throws -> Int in throw Fault() } }
    }

    @Test func `a task that is cancelled waits no longer`() async throws {
        let threads = BlockingThreads(limit: 1)
        let block = Block()
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await threads.call(until: .now + .seconds(50)) { block.wait() } }
            while block.begun.value == 0 { usleep(1_000) }
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
        block.open()
    }

    @Test func `the first answer counts, for all that wait`() async throws {
        let reply = Reply<Int>()
        let told = Shared<[Int]>([])
        reply.whenSettled { result in told.change { $0.append((try? result.get()) ?? -1) } }
        async let one = reply.value {}
        async let two = reply.value {}
        #expect(OwnThread.start { for number in 1...3 { reply.settle(.success(number)) } })
        #expect(try await [one, two] == [1, 1])
        reply.whenSettled { result in told.change { $0.append((try? result.get()) ?? -1) } }
        #expect(told.value == [1, 1] && reply.isSettled)
    }

    /// A broken connection must not end the process, and a fault of the program must be told.
    @Test func `signals are left to other threads, but for faults`() async throws {
        let blocked = await OwnThread.call {
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            return [SIGPIPE, SIGTERM, SIGINT, SIGUSR1, SIGSEGV, SIGABRT, SIGILL].map { sigismember(&mask, $0) == 1 }
        }
        #expect(blocked == [true, true, true, true, false, false, false])
    }
}
