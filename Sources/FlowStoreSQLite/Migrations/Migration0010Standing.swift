extension Migration {
    /// Who ever was one person, which runs are of a registered revision, which timers are times of the day, and who backfills.
    static let standing = Migration(
        version: 10, name: "standing",
        sql: """
            -- Pairs of users that were linked. Kept when users are removed: whoever was one person stays it where people are counted.
            CREATE TABLE user_link (
                user TEXT NOT NULL,
                other TEXT NOT NULL,
                PRIMARY KEY (user, other)
            ) STRICT, WITHOUT ROWID;
            INSERT OR IGNORE INTO user_link
                SELECT subject, json_extract(detail, '$.to') FROM audit
                WHERE verb = 'user.link' AND json_extract(detail, '$.to') IS NOT NULL;

            -- 1: plan and program were those registered under the flow's name; NULL: nobody looked.
            ALTER TABLE run ADD COLUMN isRegistered INTEGER;

            -- 1: a time of the day, by the clock on the wall; 0: the end of a stretch of time.
            ALTER TABLE timer ADD COLUMN isOfDay INTEGER NOT NULL DEFAULT 0;

            -- The user who backfills a time that waits.
            ALTER TABLE occurrence ADD COLUMN askedBy TEXT;
            """)
}
