extension Migration {
    /// Who has and who waits for which lock, limit or rate; the priority of runs.
    static let claims = Migration(
        version: 7, name: "claims",
        sql: """
            -- grantedAt is NULL while it waits.
            CREATE TABLE claim (
                run INTEGER NOT NULL,
                path TEXT NOT NULL,
                priority INTEGER NOT NULL,
                demands TEXT NOT NULL,
                since INTEGER NOT NULL,
                grantedAt INTEGER,
                PRIMARY KEY (run, path)
            ) STRICT, WITHOUT ROWID;

            -- The newest starts of a rate, a list of milliseconds.
            CREATE TABLE rate (
                name TEXT NOT NULL PRIMARY KEY,
                milliseconds INTEGER NOT NULL,
                starts TEXT NOT NULL
            ) STRICT, WITHOUT ROWID;

            ALTER TABLE run_now ADD COLUMN priority INTEGER NOT NULL DEFAULT 5;
            """)
}
