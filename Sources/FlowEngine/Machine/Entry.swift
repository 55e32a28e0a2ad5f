package import FlowModel

/// A fact in a run's journal. Facts only: what was decided, never what to decide, so that folding them needs no rules.
///
/// Times are those of the record that holds the entry. Entries are only ever added to: an old journal folds for ever.
package enum Entry: Hashable, Sendable {
    case created(Created)
    /// An operator or approver asked for something; the audit trail of the run.
    case commanded(Command)
    case runState(RunState, reason: String?)
    case paused(Bool)
    case cancelRequested(Run.Cancellation)
    /// The flow proper ended with this outcome; its `finally` may start.
    case bodyEnded(RunState)

    case ready(StepRef)
    case leased(StepRef, Lease)
    case placed(StepRef, Place)
    case started(StepRef, Containment)
    /// A new epoch took the attempt over, with a higher fence.
    case adopted(StepRef, epoch: Int)
    case stopping(StepRef)
    /// The host cannot be asked (with the reason; from `until` on the attempt counts as lost), or can again (nil).
    case unreachable(StepRef, String?, until: Instant?)
    case attemptEnded(StepRef, AttemptEnd)

    case settled(StepRef, Settlement)
    case sleeping(StepRef, until: Instant)
    case backingOff(StepRef, until: Instant, reason: String)
    case held(StepRef, reason: String)
    case unknown(StepRef, reason: String)
    case approvalOpened(StepRef, prompt: String, digest: Digest, deadline: Instant?)
    case voted(StepRef, ApprovalRow.Vote)
    case approvalClosed(StepRef, ApprovalRow.State)
    case gate(StepRef, GateEntry)
    case mapOpened(StepRef, keys: [String], values: [JSON])
    /// The map opens next, and elements that have left it and come back take up what was done for them. Journals without it have such elements
    /// begin with nothing.
    case elementsReturn(StepRef)
    case elementOpened(StepRef, element: Int)
    /// `target`: what became of it, in a rollout.
    case elementClosed(StepRef, element: Int, hasFailed: Bool, target: TargetEnd?)

    case rollout(StepRef, RolloutEntry)

    /// Inputs have other values from here on.
    case inputsEdited(InputEdit)
    /// A person says what the step gave.
    case given(StepRef, Shaper)
    /// The run stops before this step, by path or id, or does not any more.
    case breakpoint(String, isSet: Bool)
    /// A message arrived.
    case signalled(String, JSON)
    /// The message before this was sent under a key; the digest is that of its name and value.
    case keyed(String, Digest)
    /// The step would start, and stops at a breakpoint.
    case stoppedBefore(StepRef)
    /// Somebody let it go ahead.
    case released(StepRef)
    case awaiting(StepRef, signal: String, until: Instant?)
    /// The oldest message of the signal is this step's.
    case signalTaken(StepRef, signal: String)
    /// The time between two rounds is over.
    case resumed(StepRef)
    /// A freeze or window closed a gate, or does not any more.
    case changeGate(ChangeGateEntry)
    /// The run, or a part of it, is undone.
    case undo(UndoEntry)
    /// The step asks for a run of another flow.
    case calling(StepRef)
    /// That run has begun.
    case called(StepRef, RunID)
    /// The step waits until the hosts of a selector are found that another step has made.
    case seeking(StepRef, selector: String)
    /// They are these, for the rest of the run.
    case hostsFound(StepRef, selector: String, [Host])
    /// Something asks for what it needs to itself, or has it.
    case claim(ClaimEntry)
    /// The run has another priority from here on.
    case reprioritised(Int)
    /// These steps begin a new generation: pending again, with nothing to show.
    case reopened([StepRef])
    /// Something arrived that changes nothing, such as the report of an attempt that is no longer current.
    case noted(StepRef, String)

    package struct StepRef: Hashable, Sendable {
        package var index: Int
        package var path: StepPath
    }

    package struct TargetEnd: Hashable, Sendable {
        package var outcome: TargetOutcome
        package var reason: String?
    }

    package struct Command: Hashable, Sendable {
        package var verb: String
        package var user: String
        package var person: String
        package var subject: String?
        package var message: String?

        /// Whether it brings the run to its end.
        var stops: Bool { verb == RunCommand.cancel.verb || verb == RunCommand.kill.verb }
        /// For people, of one that stops: `cancelled by alice: the wrong hosts`.
        var words: String {
            "\(verb == RunCommand.kill.verb ? "killed" : "cancelled") by \(user)" + (message.map { ": \($0)" } ?? "")
        }
    }

    package struct Lease: Hashable, Sendable {
        package var number: Int
        package var epoch: Int
        package var target: String?
        package var worker: String
        /// It asks whether the attempt before, which was lost, took effect.
        package var isProbe = false
    }

    package struct AttemptEnd: Hashable, Sendable {
        package var state: AttemptState
        /// Why it failed.
        package var cause: AttemptResult.Failure.Cause?
        /// Whether it counts against the retry policy.
        package var counts: Bool
        package var exitStatus: Int?
        package var signal: Int?
        package var outputBytes: Int
        package var truncated: Bool
        package var message: String?
        package var lastLine: String?
        /// When it ended, by what its host said, where that was well before anybody could ask: the engine was away, or the host was.
        package var at: Instant?
    }

    package struct Settlement: Hashable, Sendable {
        /// Succeeded, failed, skipped or cancelled.
        package var state: StepState
        package var reason: String?
        package var value: JSON?
        package var changed: Bool?
        /// A failure that lets what follows go on.
        package var isIgnored: Bool
    }
}
