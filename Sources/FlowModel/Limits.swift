/// The bounds of Flow, by name. Every one is in `docs/reference/limits.md`.
package enum Limits {
    /// Nesting of JSON from outside.
    package static let jsonDepth = 64
    /// Nesting of a plan, whose expressions are deeper than data.
    package static let planDepth = 256
    /// Bytes of a JSON request body.
    package static let jsonBodyBytes = 1 << 20
    /// Bytes that a step may write to `$FLOW_OUTPUT`.
    package static let stepOutputBytes = 1 << 20
    /// A value beyond this many bytes is kept in the blob store, by digest.
    package static let inlineValueBytes = 64 << 10
    /// Seconds between two looks at a port or a machine, at most.
    package static let watchIntervalSeconds = 3_600
    /// Seconds after the time-out of such a wait at which its host ends it: longer than its last look takes.
    package static let watchMarginSeconds = 60.0
    /// Bytes of an answer over HTTP that a step takes unless it says otherwise, and at most.
    package static let httpBodyBytes = 1 << 20
    package static let httpLargestBodyBytes = 64 << 20
    /// Headers of a request, fields of its query or form, paths that are taken out of an answer.
    package static let httpFields = 100
    package static let httpRedirects = 10
    /// Seconds after which a request of a step without a time-out ends.
    package static let httpSeconds = 300.0
    /// Lines of a step's command that `flowctl plan` shows.
    package static let commandLinesShown = 12
    /// Bytes of standard output that a step hands to later steps as `stdout`.
    package static let stdoutValueBytes = 64 << 10
    /// Bytes of each stream that are captured for an attempt, unless configured.
    package static let capturedOutputBytes = 64 << 20
    /// Bytes of a blob (a compiled flow, a script, an artifact).
    package static let blobBytes = 256 << 20
    /// Bytes of a file that `copy` sends.
    package static let copyBytes = 64 << 20
    /// Bytes of a file that `fetch` brings in unless it says otherwise, and at most.
    package static let fetchBytes = 64 << 20
    package static let fetchLargestBytes = 256 << 20
    /// Steps in a plan.
    package static let planNodes = 10_000
    /// Steps of a plan and of the flows that it calls, and so on; flows that a preview looks into, and things that it asks the locks about.
    package static let calledNodes = 100_000
    package static let forecastFlows = 1_000
    package static let forecastDemands = 10_000
    /// Maps, rollouts and rounds that a step of a plan stands in.
    package static let planScopes = 32
    /// Faults of a plan that are told at once.
    package static let planFaults = 100
    /// Members of a value that are named when it does not have the one that is read.
    package static let membersNamed = 50
    /// Elements of a map.
    package static let mapElements = 100_000
    /// Of a parameter's pattern: its states, the count of a repetition, groups in each other; states times characters tried for one request.
    package static let patternStates = 1_000
    package static let patternRepetitions = 1_000
    package static let patternDepth = 50
    package static let patternSteps = 20_000_000
    /// How often the inputs of a run may be edited: those before each edit are kept, for what began with them.
    package static let edits = 1_000
    /// Bytes of all secret inputs of a run; of those that edits have replaced, sealed. All steps of the run mask them.
    package static let secretBytes = 64 << 10
    package static let formerSecretBytes = 64 << 10
    /// Bytes of the shortest secret that is masked in every step of its run; a shorter one, such as "on", is in the steps that are given it.
    package static let knownSecretBytes = 4
    /// Parameters of a flow; bytes of one command or script.
    package static let parameters = 200
    package static let scriptBytes = 4 << 20
    /// Commands and reports that wait for the writer; beyond it commands are answered `overloaded`.
    package static let inbox = 16_384
    /// Commands and reports decided in one transaction.
    package static let commitBatch = 512
    /// Seconds that a flow file may take to compile and to describe itself, and the memory it may use.
    package static let compileSeconds = 120
    package static let evaluateSeconds = 10
    package static let evaluateMemoryBytes = 512 << 20
    package static let evaluateFileBytes = 16 << 20
    /// Rounds of a `repeatUntil`.
    package static let rounds = 10_000
    /// Messages of one signal that wait for a step.
    package static let waitingSignals = 100
    /// Messages of a run that were sent under keys.
    package static let signalKeys = 10_000
    /// Steps before which a run is to stop.
    package static let breakpoints = 100
    /// Attempts of a step in one generation.
    package static let attempts = 1_000
    /// Rules without parts of a gate, the depth of their tree, and the ways in which it can be met; escalations; people of one rule.
    package static let approvalRules = 64
    package static let approvalDepth = 8
    package static let approvalWays = 256
    package static let approvalEscalations = 8
    package static let approvalPeople = 100
    /// Fields of a gate.
    package static let approvalFields = 50
    /// Seconds between reminders of a gate, at least, and how many there are at most.
    package static let reminderSeconds = 60.0
    package static let reminders = 1_000
    /// Digests of a gate that are remembered, to say what has changed since.
    package static let supersededDigests = 16
    /// Delegations that a person can have at once.
    package static let delegations = 100
    /// Seconds before its report at which the end of an attempt is noted by itself: less is the report's way.
    package static let lateEndSeconds = 2.0
    /// Seconds before its report at which no host is believed that an attempt ended: ten years.
    package static let knownEndSeconds = 315_360_000.0
    /// Seconds between TERM and KILL.
    package static let graceSeconds = 10.0
    /// Seconds after which an attempt on a host that cannot be asked counts as lost, from the moment at which the host itself ends it.
    package static let silentHostMarginSeconds = 120.0
    /// Seconds until an attempt is handed out again that its host has twice in a row not begun: at first, and at most. And how often that may happen
    /// to a probe until its step is unknown.
    package static let unbegunSeconds = 1.0
    package static let longestUnbegunSeconds = 300.0
    package static let unbegunProbes = 3
    /// Lost attempts of a step that changes nothing, before a person is asked.
    package static let repeatedLosses = 10
    /// Crashes of the engine with the same run in hand until that run is set aside.
    package static let crashesUntilQuarantine = 2
    /// Schedules that may exist.
    package static let schedules = 100_000
    /// Bytes of a schedule, hook, freeze or window, with its inputs, as JSON.
    package static let storedSpecBytes = 48 << 10
    /// Those that `doctor`, and the answer to a new revision of their flow, look at for what would keep them from starting anything.
    package static let schedulesChecked = 1_000
    /// Freezes and windows that may exist, and the flows, or labels, that one of them names.
    package static let changeRules = 1_000
    package static let changeRuleNames = 100
    /// Triggers of a flow, and hooks that may exist.
    package static let triggers = 50
    package static let hooks = 1_000
    /// Requests to a hook that started nothing and are remembered; how many of all hooks are written at once, and the seconds until they are;
    /// bytes of a delivery's id.
    package static let hookRefusals = 100
    package static let hookRefusalsWritten = 1_000
    package static let hookRefusalSeconds = 5.0
    package static let hookDeliveryIDBytes = 200
    /// Nominal times of a schedule that wait for the end of the run before them; what comes on top is skipped.
    package static let scheduleQueue = 100
    /// Nominal times that are recorded in one transaction.
    package static let occurrenceBatch = 500
    /// Locks, limits and rates that one step or run asks for, and bytes of a name of one.
    package static let claims = 32
    package static let claimNameBytes = 200
    /// Messages to the outside that are read at once; those that are tried again at once, beyond which newer ones wait; and those about no run
    /// that wait, beyond which the oldest are forgotten.
    package static let messagePage = 100
    package static let failingMessages = 1_000
    package static let notices = 1_000
    /// Names that a message, or an answer, gives of many.
    package static let namesTold = 50
    /// Slots of a limit, starts of a rate, and the longest stretch that a rate counts in.
    package static let slots = 100_000
    package static let rateStarts = 1_000
    package static let rateSeconds = 86_400.0
    /// States of hosts that a rollout skips.
    package static let skippedStates = 20
    /// Seconds of waiting that are worth one level of priority.
    package static let agingSeconds = 300.0
    /// Further attempts that a run may have in all, as its flow says.
    package static let retryBudget = 100_000
    /// Seconds of the longest wait that anybody may ask for, a hundred years: a sleep, a deadline, a time-out, a delay.
    package static let waitSeconds = 3_153_600_000.0
    /// Seconds of a soak, and of the pause between two rounds: a year.
    package static let soakSeconds = 31_622_400.0
    /// What a further delay before an attempt may be multiplied by.
    package static let retryFactor = 1_000.0
    /// Seconds that a failed step may ask to be left alone for before its next attempt.
    package static let retryAfterSeconds = 3_600.0
    /// Tokens of a user that are neither revoked nor expired.
    package static let tokens = 1_000
    /// Runs that one bulk command is for.
    package static let bulkRuns = 1_000
    /// Locks of a page, and holders or waiters of each that are listed.
    package static let locksShown = 200
    /// Rollouts, freezes, locks and problems that a plan's preview lists of each; flows within one another that it looks into.
    package static let plannedShown = 200
    /// Of a command, in a sentence about it.
    package static let titleCharacters = 60
    /// Elements that are named, with what went wrong, when a map fails of which all had their turn.
    package static let failuresNamed = 10
    /// Bytes of a name for which, and among which, the nearest ones are looked for.
    package static let mistypedBytes = 256
    /// Labels that a run, a schedule or a hook is given, and those that Flow sets on top: where the run comes from.
    package static let labels = 64
    package static let ownLabels = 3
    /// Bytes of a comment, reason, or label with its name.
    package static let textBytes = 4_096
}
