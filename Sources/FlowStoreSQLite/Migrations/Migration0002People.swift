extension Migration {
    /// Who may do what, which flows are registered, and who did what.
    static let people = Migration(
        version: 2, name: "people",
        sql: """
            CREATE TABLE user (
                name TEXT NOT NULL PRIMARY KEY,
                person TEXT NOT NULL,
                createdAt INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX user_person ON user (person);

            CREATE TABLE role (
                person TEXT NOT NULL,
                role TEXT NOT NULL,
                PRIMARY KEY (person, role)
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE token (
                id TEXT NOT NULL PRIMARY KEY,
                hash BLOB NOT NULL UNIQUE,
                user TEXT NOT NULL,
                name TEXT NOT NULL,
                createdAt INTEGER NOT NULL,
                expiresAt INTEGER,
                lastUsedAt INTEGER,
                revokedAt INTEGER
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX token_user ON token (user);

            CREATE TABLE flow (
                name TEXT NOT NULL PRIMARY KEY,
                revision BLOB NOT NULL,
                plan BLOB NOT NULL,
                binary BLOB,
                source TEXT NOT NULL,
                user TEXT NOT NULL,
                at INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE audit (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                at INTEGER NOT NULL,
                actor TEXT NOT NULL,
                verb TEXT NOT NULL,
                subject TEXT NOT NULL,
                detail TEXT NOT NULL,
                hash BLOB NOT NULL
            ) STRICT;
            """)
}
