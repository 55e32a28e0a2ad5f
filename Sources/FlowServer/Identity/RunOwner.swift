import FlowAPI
import FlowModel

/// The user as whom a schedule or hook starts runs.
struct RunOwner: Sendable {
    var user: String
    /// Empty when the user was removed since.
    var person: String

    /// Why nothing may be started as that user now; nil when it may. Starting a registered flow is what they must be able to do.
    func fault(_ people: People?, what: String) -> FlowError? {
        reason(people).map { FlowError(.forbidden, subject: user, "\(what) stands still: \($0)") }
    }

    /// `bob, who wrote it, was removed`; nil when runs may be started as that user.
    func reason(_ people: People?) -> String? {
        guard let people else { return nil }
        let reason: String
        if person.isEmpty || people.standing(of: user) == nil {
            reason = "was removed"
        } else if let roles = people.standing(of: user)?.roles, (Role.strongest(in: roles) ?? .viewer) < .operator {
            reason = "may not start runs any more"
        } else {
            return nil
        }
        return "\(user), who wrote it, \(reason)"
    }
}
