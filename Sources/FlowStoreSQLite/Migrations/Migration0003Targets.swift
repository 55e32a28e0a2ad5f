extension Migration {
    /// The targets of rollouts.
    static let targets = Migration(
        version: 3, name: "targets",
        sql: """
            CREATE TABLE target (
                run INTEGER NOT NULL,
                step INTEGER NOT NULL,
                position INTEGER NOT NULL,
                name TEXT NOT NULL,
                batch INTEGER NOT NULL,
                outcome TEXT NOT NULL,
                isRunning INTEGER NOT NULL,
                undo TEXT,
                reason TEXT,
                startedAt INTEGER,
                endedAt INTEGER,
                PRIMARY KEY (run, step, position)
            ) STRICT, WITHOUT ROWID;
            """)
}
