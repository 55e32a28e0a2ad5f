extension Migration {
    /// What keeps unused room and a lost key from going unnoticed.
    static let care = Migration(
        version: 9, name: "care",
        sql: """
            -- When it was stored last, in milliseconds: what nothing names is kept for a while.
            ALTER TABLE blob ADD COLUMN at INTEGER NOT NULL DEFAULT 0;

            -- A known word, sealed with the key that the secrets in this database are sealed with.
            CREATE TABLE key_check (number INTEGER PRIMARY KEY CHECK (number = 1), sealed TEXT NOT NULL) STRICT;
            """)
}
