package import FlowModel

extension Wire {
    /// An error as it travels (RFC 9457, `application/problem+json`).
    package struct Problem: Codable, Equatable, Sendable {
        /// `urn:flow:error:CODE`; `docs/reference/errors.md` has a section on each.
        package var type: String
        package var title: String
        package var status: Int
        package var code: FlowError.Code
        package var subject: String
        package var detail: String
        package var hint: String?
        /// Several faults found together: inputs, lines of a flow file.
        package var errors: [FlowError.Detail]?

        package static let mediaType = "application/problem+json"

        package init(_ error: FlowError) {
            type = "urn:flow:error:\(error.code.rawValue)"
            title = error.code.title
            status = error.code.httpStatus
            code = error.code
            subject = error.subject
            detail = error.message
            hint = error.hint
            errors = error.errors.isEmpty ? nil : error.errors
        }

        /// The error that the server meant.
        package var error: FlowError { FlowError(code, subject: subject, detail, hint: hint, errors: errors ?? []) }
    }
}

extension FlowError.Code {
    /// The one table of HTTP statuses.
    package var httpStatus: Int {
        switch self {
        case .usage: 400
        case .inputs, .load, .selector: 422
        case .unauthenticated: 401
        case .forbidden: 403
        case .notFound: 404
        case .conflict, .keyReused, .owned: 409
        case .tooLarge: 413
        case .overloaded: 503
        case .storage: 507
        case .unreachable, .hostKey: 502
        case .database, .internal: 500
        }
    }

    /// A short name for people; the same for every error of the code.
    package var title: String {
        switch self {
        case .usage: "The request does not have the form asked for"
        case .inputs: "Inputs are missing or not acceptable"
        case .load: "The flow does not load"
        case .selector: "The selector matches nothing or names something unknown"
        case .notFound: "Not found"
        case .unauthenticated: "Who are you?"
        case .forbidden: "Not allowed"
        case .conflict: "In another state than the request needs"
        case .keyReused: "The key was used with different content"
        case .tooLarge: "Too large"
        case .overloaded: "Too busy for now"
        case .storage: "The journal cannot be written"
        case .database: "The database cannot be used"
        case .owned: "Another engine owns the database"
        case .unreachable: "A host cannot be reached"
        case .hostKey: "A host's key is not the one in the inventory"
        case .internal: "A fault in Flow"
        }
    }
}
