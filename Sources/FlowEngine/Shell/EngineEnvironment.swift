package import FlowModel

/// What the engine takes from outside, so that tests and simulation can bring their own.
package struct EngineEnvironment: Sendable {
    /// The wall clock.
    package var now: @Sendable () -> Instant
    /// That many random bytes.
    package var random: @Sendable (Int) -> [UInt8]
    /// SHA-256.
    package var hash: @Sendable ([UInt8]) -> Digest
    /// Which freeze or window keeps something from beginning at that moment. Called on the writer's thread: must be cheap.
    package var closure: @Sendable (ChangeSubject, Instant) -> ChangeClosure?
    /// Who is who; nil where nobody keeps accounts. Called on the writer's thread for each decision: must be cheap.
    package var people: @Sendable () -> People?
    /// Milliseconds by a clock that nobody sets, from any beginning; nil: there is only the one on the wall.
    package var elapsed: (@Sendable () -> Int64)?
    /// Makes the run that a step asks for, and hands it to the engine (`Engine.call`), or says why it cannot be (`Engine.refuse`). Returns at
    /// once. An order that is lost comes again when the engine starts.
    package var call: @Sendable (CallOrder) -> Void
    /// Finds the hosts of a selector that a step has made, and says to the engine which they are (`Engine.answer`). Returns at once. A search that
    /// is lost comes again when the engine starts.
    package var findHosts: @Sendable (HostSearch) -> Void = { _ in }
    /// Names the run in hand across a trap; nil when none is. Called often: must be cheap.
    package var breadcrumb: @Sendable (RunID?) -> Void
    /// The run that was in hand when the process before this one ended by a trap.
    package var trapped: RunID?
    /// Ends the process: the database is lost to it. Called on the writer's thread after everybody was answered.
    package var fatal: @Sendable (String) -> Void
    /// A line for the log: level, message.
    package var log: @Sendable (LogLevel, String) -> Void
    /// The name of the pool that takes the orders.
    package var worker: String
    /// How much of what has arrived is decided in one turn. 1: what comes is decided in the same turns however fast it comes, so that the same story
    /// always gives the same journal.
    package var itemsAtOnce = Limits.commitBatch
    /// The journal came out of a backup: an attempt that no host knows of may have run all the same.
    package var isRestored: Bool

    var moment: Moment {
        let wall = now()
        return Moment(wall: wall, elapsed: elapsed?() ?? wall.milliseconds)
    }

    package enum LogLevel: Sendable { case info, warning, error }

    package init(
        now: @escaping @Sendable () -> Instant, random: @escaping @Sendable (Int) -> [UInt8],
        hash: @escaping @Sendable ([UInt8]) -> Digest, worker: String = "local", isRestored: Bool = false,
        closure: @escaping @Sendable (ChangeSubject, Instant) -> ChangeClosure? = { _, _ in nil },
        people: @escaping @Sendable () -> People? = { nil }, elapsed: (@Sendable () -> Int64)? = nil,
        call: @escaping @Sendable (CallOrder) -> Void = { _ in }, breadcrumb: @escaping @Sendable (RunID?) -> Void = { _ in }, trapped: RunID? = nil,
        fatal: @escaping @Sendable (String) -> Void = { fatalError($0) },
        log: @escaping @Sendable (LogLevel, String) -> Void = { _, _ in }
    ) {
        self.closure = closure
        self.people = people
        self.elapsed = elapsed
        self.call = call
        self.now = now
        self.random = random
        self.hash = hash
        self.worker = worker
        self.isRestored = isRestored
        self.breadcrumb = breadcrumb
        self.trapped = trapped
        self.fatal = fatal
        self.log = log
    }
}
