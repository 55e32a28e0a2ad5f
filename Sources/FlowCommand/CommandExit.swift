package import FlowModel

/// How `flowctl` ends (contracts §1). Scripts rely on these.
package enum CommandExit: Int32, Error, CaseIterable, Sendable {
    /// The run succeeded, was detached, or what was asked for was shown.
    case succeeded = 0
    /// The followed run failed, was rejected or cancelled.
    case runFailed = 1
    /// Usage or inputs are wrong, or the flow does not load.
    case usage = 2
    case notFound = 3
    /// 401, 403, 409.
    case refused = 4
    /// Something cannot be opened, reached or written.
    case unavailable = 5
    /// Interrupted: the run goes on.
    case interrupted = 130

    /// The one table from errors to exit statuses.
    package init(_ code: FlowError.Code) {
        self =
            switch code {
            case .usage, .inputs, .load, .selector, .tooLarge: .usage
            case .notFound: .notFound
            case .unauthenticated, .forbidden, .conflict, .keyReused: .refused
            case .overloaded, .storage, .database, .owned, .unreachable, .hostKey, .internal: .unavailable
            }
    }

    /// The status for the end of a followed run.
    package init(_ state: RunState) { self = state == .succeeded ? .succeeded : .runFailed }
}
