extension Migration {
    /// The steps that called the run in which something is claimed: what is held around them is held for that run, too.
    static let callers = Migration(
        version: 8, name: "callers",
        sql: """
            -- A list of [run, step], nearest first; NULL where the run was not called.
            ALTER TABLE claim ADD COLUMN callers TEXT;
            """)
}
