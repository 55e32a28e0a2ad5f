#pragma once
#include <stddef.h>
#include <stdint.h>

// What the system says about files, users and time, in types of our own: where a C library of a dependency includes the same
// system headers, Swift 6.3 attributes `struct stat` and its like to that library and refuses their members to others.

typedef struct {
    uint32_t mode;
    uint32_t owner;
    int64_t size;
    uint64_t node;
    /// Last change of the content, in nanoseconds since the epoch.
    int64_t modified;
} flow_file_facts;

/// What `path` leads to. Returns 0, or errno.
int flow_facts_of_path(const char *path, flow_file_facts *facts);
/// What `descriptor` is open on. Returns 0, or errno.
int flow_facts_of_descriptor(int descriptor, flow_file_facts *facts);
/// Which file `path` leads to: its device and node numbers. Returns 0, or errno. Asks for nothing else: a file system with fine time
/// stamps (Linux 6.13) would write the inode at the next `fdatasync` once somebody has seen its times.
int flow_identity_of_path(const char *path, uint64_t *device, uint64_t *node);
/// Bytes that an unprivileged process may still write where `path` is; -1 when that cannot be told.
int64_t flow_free_bytes(const char *path);
/// The name of the user into `name`, NUL-terminated. Returns 1, or 0 when there is none. May ask a directory service: can block.
int flow_user_name(uint32_t user, char *name, size_t size);
/// The ids of the account called `name`. Returns 1, or 0 when there is none.
int flow_user_ids(const char *name, uint32_t *user, uint32_t *group);
/// The home directory of the user into `home`, NUL-terminated. Returns 1, or 0 when there is none.
int flow_user_home(uint32_t user, char *home, size_t size);
/// Milliseconds since the epoch, by the wall clock.
int64_t flow_wall_milliseconds(void);
/* Milliseconds by a clock that nobody sets and that goes on while the machine sleeps (CLOCK_BOOTTIME). */
int64_t flow_elapsed_milliseconds(void);
/// CPU that this process has used.
double flow_cpu_seconds(void);
/// The size of the terminal that `descriptor` is, in characters. Returns 1, or 0 when it is none.
int flow_terminal_size(int descriptor, int *columns, int *rows);
/// How many bytes of a pipe or socket can be read without waiting. Returns 0, or an errno.
int flow_bytes_to_read(int descriptor, int *count);
