extension Migration {
    /// Freezes and windows: when changes may be made. Hooks: what starts runs from outside.
    static let changeRules = Migration(
        version: 6, name: "change rules and hooks",
        sql: """
            CREATE TABLE change_rule (
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                revision INTEGER NOT NULL,
                PRIMARY KEY (kind, name)
            ) STRICT, WITHOUT ROWID;

            -- Kept when the rule is removed: what held a run can be looked up later.
            CREATE TABLE change_rule_revision (
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                revision INTEGER NOT NULL,
                spec TEXT NOT NULL,
                user TEXT NOT NULL,
                at INTEGER NOT NULL,
                PRIMARY KEY (kind, name, revision)
            ) STRICT, WITHOUT ROWID;

            -- What starts a run when a signed request comes in; its deliveries are in `occurrence`.
            CREATE TABLE hook (
                name TEXT NOT NULL PRIMARY KEY,
                spec TEXT NOT NULL,
                secret TEXT NOT NULL,
                user TEXT NOT NULL,
                person TEXT NOT NULL,
                at INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;
            """)
}
