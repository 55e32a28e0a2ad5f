extension Migration {
    /// Links that were taken back, what stands still and whom it was told, and what hooks refused.
    static let standstills = Migration(
        version: 11, name: "standstills",
        sql: """
            -- NULL: it stands. Else it counts for runs that began until then.
            ALTER TABLE user_link ADD COLUMN takenBackAt INTEGER;
            -- The roles of each of the two before they were linked, as JSON; NULL: nobody noted them.
            ALTER TABLE user_link ADD COLUMN userRoles TEXT;
            ALTER TABLE user_link ADD COLUMN otherRoles TEXT;

            -- Schedules and hooks that start nothing, with the reason that was told of them.
            CREATE TABLE standstill (
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                reason TEXT NOT NULL,
                at INTEGER NOT NULL,
                PRIMARY KEY (kind, name)
            ) STRICT, WITHOUT ROWID;

            -- Messages about no run that are not delivered yet. Numbers are never given twice.
            CREATE TABLE notice (number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;

            -- Requests to hooks that started nothing, the newest of each.
            CREATE TABLE hook_refusal (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                hook TEXT NOT NULL,
                delivery TEXT NOT NULL,
                at INTEGER NOT NULL,
                reason TEXT NOT NULL
            ) STRICT;
            CREATE INDEX hook_refusal_hook ON hook_refusal (hook, number);
            """)
}
