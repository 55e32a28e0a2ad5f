import FlowModel
internal import Glibc

/// What waits for the writer, in order of arrival. Bounded for commands, so that overload is said and not felt; reports are
/// always taken, since there are at most as many as attempts.
final class Inbox: @unchecked Sendable {
    // `lock` guards everything below; the condition wakes the writer.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [Item] = []
    private var isClosed = false

    enum Item {
        case start(StartRequest, Actor, (Result<StartReceipt, FlowError>) -> Void)
        case command(RunCommand, RunID, Actor, String?, (Result<RunRow, FlowError>) -> Void)
        /// Nominal times that have come, and how far their schedules are recorded with them.
        case occurrences([OccurrenceRequest], [SchedulePosition], (Result<[OccurrenceRow], FlowError>) -> Void)
        case report(AttemptReport)
        /// A look at the run: takes over what an older epoch left.
        case look(RunID)
        /// Freezes or windows have changed: what waits at a gate looks again.
        case gates(RunID)
        /// Users, links, roles or lent rights have changed: open gates look at their votes again.
        case people(RunID)
        /// Pauses the run before anything else of it is decided.
        case quarantine(RunID)
        /// The run that a step asked for is ready to begin, or cannot.
        case call(CallID, StartRequest, Actor)
        case refuseCall(CallID, String)
        /// The hosts that a step looked for, or why there are none.
        case hosts(CallID, selector: String, Result<[Host], FlowError>)
        case consequence(Consequence)
        case outbox(after: Int, limit: Int, ([OutboxRow]) -> Void)
        /// Who has and who waits for what, once what arrived before is committed.
        case leases((LeaseTable) -> Void)
        case acknowledge(outbox: Int)
        /// Work on the store that must not meet the writer: retention, backup.
        case exclusively((any JournalStore) -> Void)

        var isCommand: Bool {
            switch self {
            case .start, .command, .occurrences: true
            case .report, .look, .gates, .people, .quarantine, .call, .refuseCall, .hosts, .consequence, .outbox, .leases, .acknowledge, .exclusively:
                false
            }
        }
    }

    init() {
        pthread_mutex_init(lock, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(lock)
        condition.deallocate()
        lock.deallocate()
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    /// False when the inbox is full of commands or closed: the item was not taken.
    func put(_ item: Item) -> Bool {
        locked {
            guard !isClosed, !item.isCommand || items.count < Limits.inbox else { return false }
            items.append(item)
            if items.count == 1 { pthread_cond_signal(condition) }
            return true
        }
    }

    /// Up to `limit` items; waits until there is one, `seconds` are over, or the inbox is closed. nil once it is closed and empty.
    func take(limit: Int, waitingAtMost seconds: Double) -> [Item]? {
        locked {
            if items.isEmpty, !isClosed, seconds > 0 {
                var deadline = timespec()
                clock_gettime(CLOCK_MONOTONIC, &deadline)
                let nanoseconds = deadline.tv_nsec + Int(seconds.truncatingRemainder(dividingBy: 1) * 1_000_000_000)
                deadline.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
                deadline.tv_nsec = nanoseconds % 1_000_000_000
                while items.isEmpty, !isClosed {
                    if pthread_cond_timedwait(condition, lock, &deadline) != 0 { break }
                }
            }
            if items.isEmpty { return isClosed ? nil : [] }
            guard items.count > limit else {
                defer { items = [] }
                return items
            }
            defer { items.removeFirst(limit) }
            return Array(items.prefix(limit))
        }
    }

    /// Takes nothing more; what is there is still handed out.
    func close() {
        locked {
            isClosed = true
            pthread_cond_signal(condition)
        }
    }
}
