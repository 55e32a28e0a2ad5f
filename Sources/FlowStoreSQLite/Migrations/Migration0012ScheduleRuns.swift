extension Migration {
    /// Which of a schedule's runs go on, however long ago their times were.
    static let scheduleRuns = Migration(
        version: 12, name: "schedule runs",
        sql: """
            -- The schedule, or "hook NAME", one of whose times the run is of; NULL: it was started in another way.
            ALTER TABLE run ADD COLUMN schedule TEXT;
            UPDATE run SET schedule = occurrence.schedule FROM occurrence WHERE occurrence.run = run.id;
            CREATE INDEX run_schedule ON run (schedule, state, id) WHERE schedule IS NOT NULL;
            """)
}
