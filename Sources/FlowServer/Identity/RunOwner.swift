import FlowAPI
import FlowModel

/// The user as whom a schedule or hook starts runs.
struct RunOwner: Sendable {
    var user: String
    /// Empty when the user was removed since.
    var person: String

    /// Why nothing may be started as that user now; nil when it may. Starting a registered flow is what they must be able to do.
    func fault(_ people: People?, what: String) -> FlowError? {
        guard let people else { return nil }
        let reason: String
        if person.isEmpty || people.standing(of: user) == nil {
            reason = "was removed"
        } else if let roles = people.standing(of: user)?.roles, (Role.strongest(in: roles) ?? .viewer) < .operator {
            reason = "may not start runs any more"
        } else {
            return nil
        }
        return FlowError(.forbidden, subject: user, "\(what) stands still: \(user), who wrote it, \(reason)")
    }
}
