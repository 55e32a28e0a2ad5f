/// One step of the database's schema. Once released it never changes: a change is a new migration in a file of its own.
package struct Migration: Sendable {
    /// The schema version after it, `PRAGMA user_version`.
    package let version: Int
    package let name: String
    package let sql: String

    package init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }

    /// All of them, oldest first; versions count up from 1.
    package static let all = [journal, people, targets, schedules, gates, changeRules, claims, callers, care, standing, standstills, scheduleRuns]

    /// Marks a SQLite file as Flow's (`PRAGMA application_id`): "FLOW".
    static let applicationID: Int32 = 0x464C_4F57
}
