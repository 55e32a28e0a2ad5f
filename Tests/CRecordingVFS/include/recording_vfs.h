#ifndef FLOW_RECORDING_VFS_H
#define FLOW_RECORDING_VFS_H

#include <stdint.h>

// What SQLite does to its files, told to a listener before it happens. Shared memory is left out: it is rebuilt after every crash.
enum flow_vfs_kind { FLOW_VFS_OPEN, FLOW_VFS_WRITE, FLOW_VFS_TRUNCATE, FLOW_VFS_SYNC, FLOW_VFS_DELETE };

struct flow_vfs_event {
    enum flow_vfs_kind kind;
    const char *path;
    // Of a write; of a truncation the new size; of a deletion whether the directory is synced too.
    int64_t offset;
    const void *bytes;
    int64_t count;
};

typedef void (*flow_vfs_listener)(const struct flow_vfs_event *event);

// Tells `listener` of every file whose path begins with `prefix`, from any thread, until NULL is given. The
// first call makes a wrapper round SQLite's default file system the default; it stays, and lets everything else pass.
//
// With `weakened`, `PRAGMA synchronous = FULL` is swallowed for these files and 2 is answered: what a store must not get away with.
// Returns SQLite's code.
int flow_vfs_listen(const char *prefix, flow_vfs_listener listener, int weakened);

#endif
