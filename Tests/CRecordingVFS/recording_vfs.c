#include "recording_vfs.h"

#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <strings.h>

static sqlite3_vfs *real_vfs;
static sqlite3_vfs recording;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char prefix[PATH_MAX];
static flow_vfs_listener listener;
static int weakened;

struct recorded_file {
    sqlite3_file base;
    const char *path; // SQLite's own, valid until the file is closed
    sqlite3_file *real;
};

static int concerns(const char *path) { return listener && path && strncmp(path, prefix, strlen(prefix)) == 0; }

static void tell(enum flow_vfs_kind kind, const char *path, int64_t offset, const void *bytes, int64_t count) {
    struct flow_vfs_event event = {kind, path, offset, bytes, count};
    pthread_mutex_lock(&lock);
    if (concerns(path)) listener(&event);
    pthread_mutex_unlock(&lock);
}

#define FILE_OF(file) ((struct recorded_file *)(file))
#define REAL(file) (FILE_OF(file)->real)

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    tell(FLOW_VFS_WRITE, FILE_OF(file)->path, offset, bytes, count);
    return REAL(file)->pMethods->xWrite(REAL(file), bytes, count, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    tell(FLOW_VFS_TRUNCATE, FILE_OF(file)->path, size, 0, 0);
    return REAL(file)->pMethods->xTruncate(REAL(file), size);
}

// Told afterwards: until it returns, nothing is certain.
static int file_sync(sqlite3_file *file, int flags) {
    int code = REAL(file)->pMethods->xSync(REAL(file), flags);
    if (code == SQLITE_OK) tell(FLOW_VFS_SYNC, FILE_OF(file)->path, 0, 0, 0);
    return code;
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    if (operation == SQLITE_FCNTL_PRAGMA) {
        char **words = argument;
        pthread_mutex_lock(&lock);
        int is_weak = weakened && concerns(FILE_OF(file)->path) && strcasecmp(words[1], "synchronous") == 0;
        pthread_mutex_unlock(&lock);
        if (is_weak && !words[2]) {
            words[0] = sqlite3_mprintf("2");
            return SQLITE_OK;
        }
        if (is_weak && strcasecmp(words[2], "FULL") == 0) return SQLITE_OK;
    }
    return REAL(file)->pMethods->xFileControl(REAL(file), operation, argument);
}

static int file_close(sqlite3_file *file) { return REAL(file)->pMethods->xClose(REAL(file)); }
static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return REAL(file)->pMethods->xRead(REAL(file), bytes, count, offset);
}
static int file_size(sqlite3_file *file, sqlite3_int64 *size) { return REAL(file)->pMethods->xFileSize(REAL(file), size); }
static int file_lock(sqlite3_file *file, int level) { return REAL(file)->pMethods->xLock(REAL(file), level); }
static int file_unlock(sqlite3_file *file, int level) { return REAL(file)->pMethods->xUnlock(REAL(file), level); }
static int file_check_lock(sqlite3_file *file, int *held) { return REAL(file)->pMethods->xCheckReservedLock(REAL(file), held); }
static int file_sector(sqlite3_file *file) { return REAL(file)->pMethods->xSectorSize(REAL(file)); }
static int file_traits(sqlite3_file *file) { return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file)); }
static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
    return REAL(file)->pMethods->xShmMap(REAL(file), page, size, extend, memory);
}
static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return REAL(file)->pMethods->xShmLock(REAL(file), offset, count, flags);
}
static void file_shm_barrier(sqlite3_file *file) { REAL(file)->pMethods->xShmBarrier(REAL(file)); }
static int file_shm_unmap(sqlite3_file *file, int remove) { return REAL(file)->pMethods->xShmUnmap(REAL(file), remove); }
static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **memory) {
    return REAL(file)->pMethods->xFetch(REAL(file), offset, count, memory);
}
static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *memory) {
    return REAL(file)->pMethods->xUnfetch(REAL(file), offset, memory);
}

static const sqlite3_io_methods methods = {
    3,           file_close,      file_read,   file_write,   file_truncate, file_sync,    file_size,
    file_lock,   file_unlock,     file_check_lock, file_control, file_sector, file_traits, file_shm_map,
    file_shm_lock, file_shm_barrier, file_shm_unmap, file_fetch, file_unfetch,
};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *given) {
    (void)vfs;
    struct recorded_file *recorded = FILE_OF(file);
    recorded->path = path;
    recorded->real = (sqlite3_file *)(recorded + 1);
    recorded->base.pMethods = 0;
    tell(FLOW_VFS_OPEN, path, flags & SQLITE_OPEN_READONLY ? 0 : 1, 0, 0);
    int code = real_vfs->xOpen(real_vfs, path, recorded->real, flags, given);
    if (recorded->real->pMethods) recorded->base.pMethods = &methods;
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory) {
    (void)vfs;
    tell(FLOW_VFS_DELETE, path, sync_directory, 0, 0);
    return real_vfs->xDelete(real_vfs, path, sync_directory);
}

int flow_vfs_listen(const char *new_prefix, flow_vfs_listener new_listener, int is_weakened) {
    pthread_mutex_lock(&lock);
    if (!real_vfs) {
        real_vfs = sqlite3_vfs_find(0);
        if (real_vfs) {
            recording = *real_vfs;
            recording.zName = "flow-recording";
            recording.szOsFile = (int)sizeof(struct recorded_file) + real_vfs->szOsFile;
            recording.pNext = 0;
            recording.xOpen = vfs_open;
            recording.xDelete = vfs_delete;
        }
    }
    if (new_prefix && strlen(new_prefix) >= sizeof prefix) new_listener = 0;
    if (new_prefix) strncpy(prefix, new_prefix, sizeof prefix - 1);
    listener = new_listener;
    weakened = is_weakened;
    pthread_mutex_unlock(&lock);
    return real_vfs ? sqlite3_vfs_register(&recording, 1) : SQLITE_ERROR;
}
