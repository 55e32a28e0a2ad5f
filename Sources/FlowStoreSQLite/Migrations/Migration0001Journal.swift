extension Migration {
    /// Runs, their journal and the projections.
    ///
    /// What a finished step touches is kept small: one row at the end of `journal` with its index, the step rows (found by
    /// number: run << 24 | index, so they need no index), and `run_now`. What changes seldom, or is indexed, is in `run`.
    static let journal = Migration(
        version: 1, name: "journal",
        sql: """
            CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
            INSERT INTO meta VALUES ('epoch', 0), ('deletedSequence', 0);

            CREATE TABLE run (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                id TEXT NOT NULL UNIQUE,
                flow TEXT NOT NULL,
                revision BLOB NOT NULL,
                inputs TEXT NOT NULL,
                labels TEXT NOT NULL,
                actor TEXT NOT NULL,
                person TEXT NOT NULL,
                key TEXT,
                fingerprint BLOB NOT NULL,
                createdAt INTEGER NOT NULL,
                state TEXT NOT NULL,
                isLive INTEGER NOT NULL,
                startedAt INTEGER,
                endedAt INTEGER
            ) STRICT;
            CREATE UNIQUE INDEX run_key ON run (key) WHERE key IS NOT NULL;
            CREATE INDEX run_state ON run (state, id);
            CREATE INDEX run_flow ON run (flow, state, id);
            CREATE INDEX run_live ON run (id) WHERE isLive = 1;
            CREATE INDEX run_ended ON run (endedAt) WHERE endedAt IS NOT NULL;

            CREATE TABLE run_now (
                run INTEGER PRIMARY KEY,
                reason TEXT,
                waiting TEXT,
                counts TEXT NOT NULL,
                headSequence INTEGER NOT NULL,
                headHash BLOB NOT NULL
            ) STRICT;

            CREATE TABLE label (
                name TEXT NOT NULL,
                value TEXT NOT NULL,
                run TEXT NOT NULL,
                PRIMARY KEY (name, value, run)
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE journal (
                sequence INTEGER PRIMARY KEY,
                run INTEGER NOT NULL,
                at INTEGER NOT NULL,
                hash BLOB NOT NULL,
                bytes BLOB NOT NULL
            ) STRICT;
            CREATE INDEX journal_run ON journal (run);

            CREATE TABLE step (
                number INTEGER PRIMARY KEY,
                path TEXT NOT NULL,
                name TEXT NOT NULL,
                kind TEXT NOT NULL,
                state TEXT NOT NULL,
                reason TEXT,
                generation INTEGER NOT NULL,
                output TEXT,
                outputDigest BLOB,
                outputBytes INTEGER,
                changed INTEGER,
                waiting TEXT,
                startedAt INTEGER,
                endedAt INTEGER,
                attempt INTEGER,
                attemptGeneration INTEGER,
                attemptState TEXT,
                target TEXT,
                worker TEXT,
                exitStatus INTEGER,
                signal INTEGER,
                attemptStartedAt INTEGER,
                attemptEndedAt INTEGER,
                message TEXT,
                containment TEXT,
                streamBytes INTEGER,
                truncated INTEGER
            ) STRICT;
            CREATE INDEX step_output ON step (outputDigest) WHERE outputDigest IS NOT NULL;

            CREATE TABLE attempt (
                run INTEGER NOT NULL,
                path TEXT NOT NULL,
                attempt INTEGER NOT NULL,
                attemptGeneration INTEGER NOT NULL,
                attemptState TEXT NOT NULL,
                target TEXT,
                worker TEXT NOT NULL,
                exitStatus INTEGER,
                signal INTEGER,
                attemptStartedAt INTEGER NOT NULL,
                attemptEndedAt INTEGER,
                message TEXT,
                containment TEXT,
                streamBytes INTEGER NOT NULL,
                truncated INTEGER NOT NULL,
                PRIMARY KEY (run, path, attempt)
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE approval (
                run INTEGER NOT NULL,
                path TEXT NOT NULL,
                generation INTEGER NOT NULL,
                runID TEXT NOT NULL,
                flow TEXT NOT NULL,
                state TEXT NOT NULL,
                prompt TEXT NOT NULL,
                rules TEXT NOT NULL,
                digest BLOB NOT NULL,
                requester TEXT NOT NULL,
                since INTEGER NOT NULL,
                deadline INTEGER,
                votes TEXT NOT NULL,
                PRIMARY KEY (run, path, generation)
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX approval_since ON approval (since, runID, path, generation);
            CREATE INDEX approval_state ON approval (state, since, runID, path, generation);

            CREATE TABLE timer (
                run INTEGER NOT NULL,
                path TEXT NOT NULL,
                due INTEGER NOT NULL,
                PRIMARY KEY (run, path)
            ) STRICT, WITHOUT ROWID;

            -- A record can decide several messages, so id is not unique.
            CREATE TABLE outbox (
                number INTEGER PRIMARY KEY,
                id INTEGER NOT NULL,
                run INTEGER NOT NULL,
                kind TEXT NOT NULL,
                body TEXT NOT NULL
            ) STRICT;
            CREATE INDEX outbox_id ON outbox (id);
            CREATE INDEX outbox_run ON outbox (run);

            -- bytes is NULL when they are in a file.
            CREATE TABLE blob (
                number INTEGER PRIMARY KEY,
                digest BLOB NOT NULL UNIQUE,
                size INTEGER NOT NULL,
                bytes BLOB
            ) STRICT;

            -- Deleted runs whose rows are still being removed.
            CREATE TABLE deleted_run (number INTEGER PRIMARY KEY) STRICT;
            """)
}
