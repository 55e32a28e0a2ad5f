// FlowStoreSQLite: the journal on disk, in one SQLite file. The only room with SQL.
//
// One process owns a directory (`OwnerLock`), one connection writes, all others only read. What is acknowledged has been
// through `fsync` (`synchronous=FULL`, verified when opened). Rows are written through cached statements bound by hand
// (`Query`), because that path decides how fast the engine is.
//
// - `Opening/`: owner, refusal of files that are not ours, creation, migrations. `Migrations/`: one file a version, for ever.
// - `SQLiteStore*`: the store as the engine's writer (`JournalStore`) and the views (`JournalReader`) see it.
// - `Rows/`: how the model's rows become columns and back.
// - `Blobs/`: values by digest. `Care/`: backup, verification, retention. `People/`: accounts, registered flows, audit.
//
// What it must not know: what an entry means, HTTP, processes, clocks.
