#pragma once

#include <stdint.h>
#include <sys/types.h>

/// What ends with a program.
enum flow_spawn_whole {
    /// The program alone: what it started goes on.
    FLOW_SPAWN_ALONE,
    /// Everything that it started, in whatever session or group, unless it exits with status 0: what such a one leaves goes on. It has a
    /// keeper (keeper.c), whose number and end are told as the program's.
    FLOW_SPAWN_WHOLE,
    /// The same, and all of it ends when this process does, however that comes.
    FLOW_SPAWN_WHOLE_WITH_US,
};

/// A program to start in a session of its own.
struct flow_spawn {
    /// An open descriptor of a flow's own program, or -1 and `path` counts. It runs even where its path is hidden, and it and what it
    /// starts may make the system calls only that Swift steps may (filter.c).
    int program;
    const char *path;
    char *const *argv;
    char *const *envp;
    /// NULL: the folder of this process.
    const char *folder;
    /// `descriptors[n]` becomes descriptor n of the child; -1: /dev/null. The child gets no others.
    const int *descriptors;
    int descriptor_count;
    /// The account to become before the program starts; -1: stays as it is. Needs root.
    int64_t uid, gid;
    /// Directories that the child sees empty, ended by NULL; NULL: sees everything. It gets mounts of its own for that.
    const char *const *hidden;
    /// A directory right below a hidden one that the child sees all the same, and may write; NULL: none.
    const char *kept;
    enum flow_spawn_whole whole;
};

/// How far a start came.
enum flow_spawn_stage {
    FLOW_SPAWN_PROCESS, FLOW_SPAWN_SESSION, FLOW_SPAWN_HIDING, FLOW_SPAWN_ACCOUNT, FLOW_SPAWN_FOLDER, FLOW_SPAWN_DESCRIPTORS,
    FLOW_SPAWN_EXEC, FLOW_SPAWN_WATCH, FLOW_SPAWN_KEEPER
};
const char *flow_spawn_stage_name(enum flow_spawn_stage stage);

/// Starts it. 0 with its number and a descriptor that becomes readable when it ends (close-on-exec, to be closed by the caller), or
/// an errno with `*stage` naming what failed; then nothing runs. Blocks until the program has begun, about a millisecond.
int flow_spawn(const struct flow_spawn *child, pid_t *pid, int *pidfd, enum flow_spawn_stage *stage);
/// Ends one that has a keeper, with everything below it; the keeper ends when nothing is left. 0, or an errno.
int flow_spawn_end(int pidfd);

/// Takes the exit of a child whose pidfd is readable, and removes it. 1: `*status` is its exit status or, when `*signalled`, the number
/// of the signal; 0: it has not ended; -1 with errno.
int flow_spawn_reap(int pidfd, int *status, int *signalled);

/// Sends a signal to a child that has not been reaped; 0, or an errno.
int flow_spawn_signal(int pidfd, int signal);

/// Opens the file for reading as the account would, with no other group, if any is given (-1: none), and never waits. -1 with errno, also
/// where the account cannot be had. For a thread that runs nothing else meanwhile.
int flow_open_as(const char *path, int64_t uid, int64_t gid);

/// A pipe: reading end, writing end; close-on-exec. 0, or an errno; EMFILE also when only the reserve of descriptors is left.
int flow_pipe(int ends[2]);
/// A connection over which descriptors can be sent; close-on-exec. 0, or an errno as `flow_pipe`.
int flow_connection(int ends[2]);
/// Writes as `write` does, and sends a copy of `descriptor` with the first byte. -1 with errno: nothing went.
ssize_t flow_send(int connection, const void *bytes, size_t count, int descriptor);

/// A poll set; -1 with errno.
int flow_poll_make(void);
/// What happens to a descriptor of a poll set. Waits are for one event: a descriptor is armed again for the next.
enum flow_poll_change { FLOW_POLL_ADD, FLOW_POLL_REMOVE, FLOW_POLL_ARM_READABLE, FLOW_POLL_ARM_WRITABLE };
int flow_poll_change(int poll, int descriptor, enum flow_poll_change change, uint64_t token);
/// Blocks until something is ready; writes at most `capacity` tokens and says how many.
int flow_poll_wait(int poll, uint64_t *tokens, int capacity);
