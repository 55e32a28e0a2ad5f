import Synchronization

/// Starts programs of authors, each with the confinement that is wanted.
///
/// Nothing is found out once and believed for ever: every start asks for the protection. Where somebody asked for it (an account of its
/// own), a program that cannot have it does not start. Where nobody did, and the machine has no such protection, the program starts
/// without, and `tell` hears why. A machine that is merely short of something is neither: the start fails, to be tried again.
package final class ConfinedStart: Sendable {
    package let wanted: LaunchConfinement
    private let tell: @Sendable (String) -> Void
    /// Why the last program that was started went without.
    private let lapse = Mutex<String?>(nil)

    package init(_ wanted: LaunchConfinement, tell: @escaping @Sendable (String) -> Void = { _ in }) {
        self.wanted = wanted
        self.tell = tell
    }

    /// Starts it; its own confinement does not count.
    package func callAsFunction(_ launch: Launch) async throws -> ChildProcess {
        var launch = launch
        launch.confinement = wanted
        do {
            let child = try await ChildProcess.start(launch)
            note(nil)
            return child
        } catch let error as CallError where error.isMissingConfinement && !wanted.isRequired {
            launch.confinement = .none
            let child = try await ChildProcess.start(launch)
            note("\(error)")
            return child
        }
    }

    private func note(_ reason: String?) {
        let isNews = lapse.withLock { lapse in
            defer { lapse = reason }
            return lapse != reason
        }
        if let reason, isNews { tell(reason) }
    }
}
