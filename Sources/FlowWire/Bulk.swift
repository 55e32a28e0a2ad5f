package import FlowModel

extension Wire {
    /// `POST /v1/bulk`: a command for every run of a filtered set. Without `digest` a preview that changes nothing; with the `runs` and the
    /// `digest` of a preview it is done to exactly those.
    package struct BulkRequest: Codable, Equatable, Sendable {
        package enum Verb: String, Codable, CaseIterable, Sendable {
            case pause, resume, cancel, kill, retry, hold, release, reprioritise
        }

        package var verb: Verb
        /// As in `GET /v1/runs?where=`.
        package var `where`: String
        /// For `hold` and `release`: the step. For `retry`: from this one, with everything that needs it.
        package var step: String?
        /// For `reprioritise`.
        package var priority: Int?
        package var message: String?
        package var runs: [RunID]?
        package var digest: Digest?

        package init(
            verb: Verb, where terms: String, step: String? = nil, priority: Int? = nil, message: String? = nil, runs: [RunID]? = nil,
            digest: Digest? = nil
        ) {
            self.verb = verb
            self.where = terms
            self.step = step
            self.priority = priority
            self.message = message
            self.runs = runs
            self.digest = digest
        }
    }

    /// What a bulk command would do, or has done.
    package struct Bulk: Codable, Equatable, Sendable {
        package var verb: BulkRequest.Verb
        package var isApplied: Bool
        /// Newest first.
        package var runs: [BulkRun]
        /// Names command and set: what is sent back to have it done.
        package var digest: Digest

        package init(verb: BulkRequest.Verb, isApplied: Bool, runs: [BulkRun], digest: Digest) {
            self.verb = verb
            self.isApplied = isApplied
            self.runs = runs
            self.digest = digest
        }
    }

    package struct BulkRun: Codable, Equatable, Sendable {
        package enum Outcome: String, Codable, CaseIterable, Sendable { case done, refused }

        package var run: RunID
        package var flow: String?
        /// As it is, or as the command left it.
        package var state: RunState?
        package var createdAt: Instant?
        /// Absent in a preview.
        package var outcome: Outcome?
        /// Why it was refused.
        package var reason: String?

        package init(
            run: RunID, flow: String? = nil, state: RunState? = nil, createdAt: Instant? = nil, outcome: Outcome? = nil, reason: String? = nil
        ) {
            self.run = run
            self.flow = flow
            self.state = state
            self.createdAt = createdAt
            self.outcome = outcome
            self.reason = reason
        }
    }
}
