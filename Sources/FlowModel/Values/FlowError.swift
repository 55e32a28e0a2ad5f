/// What went wrong, so that a person or a program can act on it.
///
/// `message` says what did not happen, to what, and why, with the value found and those allowed; `hint` is the next command to
/// type. Each code has a page in `docs/reference/errors.md`.
package struct FlowError: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The kinds of error, each with one HTTP status and one exit status of `flowctl` (`docs/reference/errors.md`).
    package enum Code: String, Hashable, Sendable, Codable, CaseIterable {
        /// The command line or request does not have the form asked for.
        case usage
        /// Inputs are unknown, missing, mistyped or break their pattern; `errors` lists all of them.
        case inputs
        /// A flow file or plan does not load; `errors` lists the diagnostics.
        case load
        /// A selector names a host or group that is not in the inventory, or matches nothing.
        case selector
        case notFound = "not-found"
        case unauthenticated
        case forbidden
        /// The thing is in another state than the request needs.
        case conflict
        /// A key was used before with different content.
        case keyReused = "key-reused"
        case tooLarge = "too-large"
        /// The engine takes no more for now; try again after the time said.
        case overloaded
        /// The journal cannot be written (disk full, read-only): nothing was kept, nothing acknowledged.
        case storage
        /// A database of another program or a newer version, or one whose rows were changed.
        case database
        /// Another engine owns the database.
        case owned
        /// The host cannot be reached in time, or refused the connection.
        case unreachable
        /// The host's key is not the one in the inventory.
        case hostKey = "host-key"
        /// The engine has a bug; the run is set aside, the others go on.
        case `internal`
    }

    /// One of several faults found together: a parameter, a line of a flow file.
    package struct Detail: Hashable, Sendable, Codable {
        package var subject: String
        package var message: String
        /// `FILE:LINE` when the fault is in a file.
        package var location: String?

        package init(subject: String, message: String, location: String? = nil) {
            self.subject = subject
            self.message = message
            self.location = location
        }
    }

    package var code: Code
    package var subject: String
    package var message: String
    package var hint: String?
    package var errors: [Detail]

    package init(_ code: Code, subject: String, _ message: String, hint: String? = nil, errors: [Detail] = []) {
        self.code = code
        self.subject = subject
        self.message = message
        self.hint = hint
        self.errors = errors
    }

    package var description: String {
        let details = errors.map { detail in
            "\n  " + (detail.location.map { "\($0): " } ?? "") + "\(detail.subject): \(detail.message)"
        }
        return message + details.joined() + (hint.map { "\n\($0)" } ?? "") + " [\(code.rawValue)]"
    }
}

extension FlowError {
    /// With what is wrong in detail.
    package var inOneLine: String {
        let details = errors.map { "\($0.subject): \($0.message)" }.joined(separator: "; ")
        return message + (details.isEmpty ? "" : " (\(details))")
    }

    private static let nothingStarted = "Nothing was started: "

    /// For a command that was to start nothing: `outcome` stands in place of that nothing was started.
    package func saying(_ outcome: String, hint: String? = nil) -> FlowError {
        guard message.hasPrefix(FlowError.nothingStarted) else { return self }
        let message = "\(outcome): \(self.message.dropFirst(FlowError.nothingStarted.count))"
        return FlowError(code, subject: subject, message, hint: hint ?? self.hint, errors: errors)
    }
}
