extension Migration {
    /// What is due when, and what became of every nominal time.
    static let schedules = Migration(
        version: 4, name: "schedules",
        sql: """
            -- at, wall: every time up to there has its record.
            CREATE TABLE schedule (
                name TEXT NOT NULL PRIMARY KEY,
                revision INTEGER NOT NULL,
                at INTEGER NOT NULL,
                wall INTEGER NOT NULL,
                pause TEXT
            ) STRICT, WITHOUT ROWID;

            -- Kept when the schedule is removed: backfills and records go by them.
            CREATE TABLE schedule_revision (
                name TEXT NOT NULL,
                revision INTEGER NOT NULL,
                spec TEXT NOT NULL,
                user TEXT NOT NULL,
                person TEXT NOT NULL,
                at INTEGER NOT NULL,
                PRIMARY KEY (name, revision)
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE occurrence (
                schedule TEXT NOT NULL,
                nominal TEXT NOT NULL,
                at INTEGER NOT NULL,
                wall INTEGER NOT NULL,
                revision INTEGER NOT NULL,
                state TEXT NOT NULL,
                reason TEXT,
                detail TEXT,
                run TEXT,
                recordedAt INTEGER NOT NULL,
                PRIMARY KEY (schedule, nominal)
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX occurrence_at ON occurrence (schedule, at, wall);
            CREATE INDEX occurrence_queued ON occurrence (schedule, at) WHERE state = 'queued';
            """)
}
