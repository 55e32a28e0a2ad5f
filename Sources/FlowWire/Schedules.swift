package import FlowModel

extension Wire {
    /// A schedule as it is now.
    package struct Schedule: Codable, Equatable, Sendable {
        package var name: String
        package var revision: Int
        package var spec: ScheduleSpec
        package var changedAt: Instant
        package var changedBy: String
        package var pause: Pause?
        /// When something runs next as things are: not on a closed day, and not in a pause; absent while nothing does.
        package var nextAt: Instant?
        /// Why it stands still: it cannot be worked out, its owner may not start it, or its flow is not registered.
        package var fault: String?

        package init(
            name: String, revision: Int, spec: ScheduleSpec, changedAt: Instant, changedBy: String, pause: Pause? = nil,
            nextAt: Instant? = nil, fault: String? = nil
        ) {
            self.name = name
            self.revision = revision
            self.spec = spec
            self.changedAt = changedAt
            self.changedBy = changedBy
            self.pause = pause
            self.nextAt = nextAt
            self.fault = fault
        }

        package struct Pause: Codable, Equatable, Sendable {
            package var reason: String
            package var sinceAt: Instant
            package var untilAt: Instant?
            package var by: String

            package init(reason: String, sinceAt: Instant, untilAt: Instant?, by: String) {
                self.reason = reason
                self.sinceAt = sinceAt
                self.untilAt = untilAt
                self.by = by
            }
        }
    }

    /// `POST /v1/schedules/{name}/pause`.
    package struct SchedulePause: Codable, Equatable, Sendable {
        package var reason: String
        package var until: Instant?

        package init(reason: String, until: Instant? = nil) {
            self.reason = reason
            self.until = until
        }
    }

    /// A nominal time of a schedule, to come or recorded.
    package struct Occurrence: Codable, Equatable, Sendable {
        package var nominal: String
        package var at: Instant
        /// `run`, `skipped` or `queued`; absent for a time to come.
        package var state: OccurrenceRow.State?
        package var reason: SkipReason?
        package var detail: String?
        package var run: RunID?
        package var revision: Int

        package init(
            nominal: String, at: Instant, state: OccurrenceRow.State? = nil, reason: SkipReason? = nil, detail: String? = nil,
            run: RunID? = nil, revision: Int
        ) {
            self.nominal = nominal
            self.at = at
            self.state = state
            self.reason = reason
            self.detail = detail
            self.run = run
            self.revision = revision
        }
    }

    /// `POST /v1/schedules`: several at once, all of them or none.
    package struct ScheduleImport: Codable, Equatable, Sendable {
        package struct Item: Codable, Equatable, Sendable {
            package var name: String
            package var spec: ScheduleSpec
            /// The revision that it replaces, 0 for none: another one that is there by then is kept, and nothing is added (409). Whatever is there
            /// is replaced when it is not said.
            package var revision: Int?

            package init(name: String, spec: ScheduleSpec, revision: Int? = nil) {
                self.name = name
                self.spec = spec
                self.revision = revision
            }
        }

        package var items: [Item]
        /// Only says what would be refused.
        package var dryRun: Bool?

        package init(items: [Item], dryRun: Bool? = nil) {
            self.items = items
            self.dryRun = dryRun
        }
    }

    /// `POST /v1/schedules/{name}/backfill`: the times from `from` to `until`, both included, that led to no run.
    package struct Backfill: Codable, Equatable, Sendable {
        package var from: Instant
        package var until: Instant
        /// Only says which.
        package var dryRun: Bool?
        /// What becomes of a time while a run of the schedule goes on. Unless given one runs after the other, or all at once where the schedule
        /// says `allow`.
        package var overlap: ScheduleSpec.Overlap?

        package init(from: Instant, until: Instant, dryRun: Bool? = nil, overlap: ScheduleSpec.Overlap? = nil) {
            self.overlap = overlap
            self.from = from
            self.until = until
            self.dryRun = dryRun
        }
    }
}
