#pragma once

#include <stdint.h>
#include <sys/types.h>

/// A program to start, and what it may do.
struct flow_confined {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *folder;
    /// Become standard output, standard error and descriptor 3 of the child; standard input is /dev/null. -1: none.
    int out, err, report;
    /// 0: only a session of its own, limits and a clean slate of descriptors and signals.
    int confined;
    /// Paths that a confined child may read and execute, ended by NULL; nothing else.
    const char *const *readable;
    /// 0: no limit.
    uint64_t memory_bytes, cpu_seconds, file_bytes;
};

/// Starts it in a session of its own, below a keeper whose number `*pid` is. When it ends, and when the calling thread does however
/// that comes, everything that it started is ended, in whatever session or group. 0, or an errno with `*stage` naming what failed; then
/// nothing runs.
int flow_confine_spawn(const struct flow_confined *child, pid_t *pid, const char **stage);
/// Ends it with all that it started, waits until nothing of it is left, and gives the status of the program's end as `waitpid` does.
int flow_confine_end(pid_t pid);

/// The version of Landlock that the kernel offers; 0 when it offers none.
int flow_confine_landlock(void);
/// Whether system calls can be filtered; where they cannot, nothing is started confined.
int flow_confine_seccomp(void);
/// What a refused system call was about, for people; NULL for one that is not refused.
const char *flow_confine_describe(int call);

/// Opens a pipe that no other child inherits; -1 with errno.
int flow_confine_pipe(int ends[2]);
/// A descriptor that becomes readable when the process ends; -1 with errno.
int flow_confine_pidfd(pid_t pid);
