extension Migration {
    /// What a gate says beside its rules, and rights to vote that people lend each other.
    static let gates = Migration(
        version: 5, name: "gates",
        sql: """
            ALTER TABLE approval ADD COLUMN terms TEXT;

            CREATE TABLE delegation (
                id TEXT NOT NULL PRIMARY KEY,
                giver TEXT NOT NULL,
                taker TEXT NOT NULL,
                role TEXT NOT NULL,
                reason TEXT,
                createdAt INTEGER NOT NULL,
                until INTEGER NOT NULL,
                revokedAt INTEGER
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX delegation_taker ON delegation (taker, until);
            """)
}
