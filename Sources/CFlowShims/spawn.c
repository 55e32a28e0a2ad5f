// Starts programs without copying this process: between vfork and exec the child runs on our memory, so it calls nothing that
// allocates, takes locks, or is more than a system call. One that is ended with everything below it is the exception: its keeper is a fork.

#define _GNU_SOURCE
#include "include/spawn_shim.h"
#include "filter.h"
#include "include/descriptor_limit.h"
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const stages[] = {
    [FLOW_SPAWN_PROCESS] = "making a process",
    [FLOW_SPAWN_SESSION] = "making a session",
    [FLOW_SPAWN_HIDING] = "hiding the engine's files from it",
    [FLOW_SPAWN_ACCOUNT] = "becoming its account",
    [FLOW_SPAWN_FOLDER] = "entering its folder",
    [FLOW_SPAWN_DESCRIPTORS] = "arranging its descriptors",
    [FLOW_SPAWN_EXEC] = "starting it",
    [FLOW_SPAWN_WATCH] = "watching it (this takes Linux 5.3)",
    [FLOW_SPAWN_KEEPER] = "making its keeper",
};

const char *flow_spawn_stage_name(enum flow_spawn_stage stage) { return stages[stage]; }

struct launch {
    const struct flow_spawn *child;
    char uid_map[48], gid_map[48];
    volatile int error;
    volatile enum flow_spawn_stage stage;
    // 0: none. What goes wrong below a keeper is told through the pipe.
    pid_t keeper;
    int failures;
};

struct failure { int error; enum flow_spawn_stage stage; };

static int write_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    size_t length = strlen(text);
    ssize_t written = write(file, text, length);
    close(file);
    return written == (ssize_t)length ? 0 : -1;
}

// Mounts of its own with an empty file system over each hidden directory, and the kept one put back into it. Without root this takes a user namespace, in which the
// child stays who it is.
static int hide(const struct launch *launch) {
    if (!launch->child->hidden) return 0;
    if (geteuid() == 0) {
        if (unshare(CLONE_NEWNS) < 0) return -1;
    } else {
        if (unshare(CLONE_NEWNS | CLONE_NEWUSER) < 0) return -1;
        if (write_text("/proc/self/setgroups", "deny") < 0) return -1;
        if (write_text("/proc/self/uid_map", launch->uid_map) < 0) return -1;
        if (write_text("/proc/self/gid_map", launch->gid_map) < 0) return -1;
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
    int kept = -1;
    if (launch->child->kept) {
        kept = (int)syscall(SYS_open_tree, AT_FDCWD, launch->child->kept, 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
        if (kept < 0) return -1;
    }
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    for (const char *const *path = launch->child->hidden; *path; path++)
        if (mount("none", *path, "tmpfs", flags, "size=4k,mode=755") < 0) return -1;
    if (kept >= 0) {
        if (mkdir(launch->child->kept, 0755) < 0) return -1;
        const unsigned from_itself = 4 /* MOVE_MOUNT_F_EMPTY_PATH */;
        if (syscall(SYS_move_mount, kept, "", AT_FDCWD, launch->child->kept, from_itself) < 0) return -1;
        close(kept);
    }
    for (const char *const *path = launch->child->hidden; *path; path++)
        if (mount("none", *path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0) return -1;
    return 0;
}

// By bare system calls: the C library's would change every thread of our process.
static int become_account(const struct flow_spawn *child) {
    // Before the account: root filters without giving up `sudo` for what it starts.
    if (child->program >= 0 && flow_filter_steps() < 0) return -1;
    if (child->gid >= 0) {
        gid_t group = (gid_t)child->gid;
        if (syscall(SYS_setgroups, 1, &group) < 0 || syscall(SYS_setresgid, group, group, group) < 0) return -1;
    }
    if (child->uid < 0) return 0;
    uid_t user = (uid_t)child->uid;
    return (int)syscall(SYS_setresuid, user, user, user);
}

// Descriptors that a child gets have numbers below this.
enum { beyond = 16 };

static int arrange_descriptors(const struct flow_spawn *child) {
    int count = child->descriptor_count, moved[beyond];
    if (count > beyond) return errno = EINVAL, -1;
    // Out of the way first: a source may have the number of another's goal.
    for (int number = 0; number < count; number++) {
        int source = child->descriptors[number];
        int opened = source < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : source;
        if (opened < 0) return -1;
        moved[number] = fcntl(opened, F_DUPFD_CLOEXEC, beyond);
        if (moved[number] < 0) return -1;
    }
    for (int number = 0; number < count; number++)
        if (dup2(moved[number], number) < 0) return -1;
    // What some library opened without close-on-exec closes here; the program's own descriptor closes at exec too.
    syscall(SYS_close_range, (unsigned)count, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
    return 0;
}

// No handler of ours may run in the child, and it must not inherit what is ignored here. By bare system calls: the C library
// refuses the two signals that it keeps for itself, which a parent of ours may have ignored.
static void reset_signals(void) {
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } plain = {0};
    for (int number = 1; number <= 64; number++) syscall(SYS_rt_sigaction, number, &plain, NULL, sizeof plain.mask);
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

static void give_up(struct launch *launch, enum flow_spawn_stage stage) {
    struct failure failure = {errno ? errno : EIO, stage};
    launch->error = failure.error;
    launch->stage = failure.stage;
    if (launch->failures >= 0)
        while (write(launch->failures, &failure, sizeof failure) < 0 && errno == EINTR) {}
    _exit(127);
}

static void become(struct launch *launch) {
    const struct flow_spawn *child = launch->child;
    if (setsid() < 0) give_up(launch, FLOW_SPAWN_SESSION);
    reset_signals();
    // The program has a number first that the arranging below cannot hit.
    int program = child->program < 0 ? -1 : fcntl(child->program, F_DUPFD_CLOEXEC, beyond);
    if (child->program >= 0 && program < 0) give_up(launch, FLOW_SPAWN_DESCRIPTORS);
    if (child->folder && chdir(child->folder) < 0) give_up(launch, FLOW_SPAWN_FOLDER);
    if (hide(launch) < 0) give_up(launch, FLOW_SPAWN_HIDING);
    if (become_account(child) < 0) give_up(launch, FLOW_SPAWN_ACCOUNT);
    if (arrange_descriptors(child) < 0) give_up(launch, FLOW_SPAWN_DESCRIPTORS);
    // After the arranging, which uses numbers that the limit which programs expect does not have.
    flow_lower_descriptor_limit();
    // After the account, which undoes it.
    if (launch->keeper && flow_keeper_follow(launch->keeper) < 0) give_up(launch, FLOW_SPAWN_KEEPER);
    if (program >= 0)
        syscall(SYS_execveat, program, "", child->argv, child->envp, AT_EMPTY_PATH);
    else
        execve(child->path, child->argv, child->envp);
    give_up(launch, FLOW_SPAWN_EXEC);
}

// The number of the keeper, or -1 with errno. All signals are blocked.
static pid_t fork_whole(struct launch *launch) {
    int failures[2];
    if (pipe2(failures, O_CLOEXEC) < 0) return -1;
    // Its number must be none of the child's own.
    launch->failures = fcntl(failures[1], F_DUPFD_CLOEXEC, 64);
    int error = errno;
    close(failures[1]);
    if (launch->failures < 0) return close(failures[0]), errno = error, -1;
    enum flow_keeper_bond bond = launch->child->whole == FLOW_SPAWN_WHOLE_WITH_US ? FLOW_KEEPER_PROCESS : FLOW_KEEPER_NOBODY;
    pid_t own = getpid(), keeper = fork();
    if (keeper == 0) {
        launch->keeper = getpid();
        pid_t program = flow_keeper_fork(own, bond);
        if (program < 0) give_up(launch, FLOW_SPAWN_KEEPER);
        if (program == 0) become(launch);
        flow_keeper_keep(program, own, bond, 1);
    }
    error = errno;
    close(launch->failures);
    struct failure failure;
    ssize_t got = 0;
    if (keeper > 0) {
        do got = read(failures[0], &failure, sizeof failure); while (got < 0 && errno == EINTR);
    }
    close(failures[0]);
    if (got == sizeof failure) launch->error = failure.error, launch->stage = failure.stage;
    errno = error;
    return keeper;
}

int flow_spawn(const struct flow_spawn *child, pid_t *pid, int *pidfd, enum flow_spawn_stage *stage) {
    struct launch launch = {.child = child, .error = 0, .stage = FLOW_SPAWN_PROCESS, .failures = -1};
    snprintf(launch.uid_map, sizeof launch.uid_map, "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
    snprintf(launch.gid_map, sizeof launch.gid_map, "%u %u 1", (unsigned)getegid(), (unsigned)getegid());
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t made = child->whole == FLOW_SPAWN_ALONE ? vfork() : fork_whole(&launch);
    if (made == 0) become(&launch);
    if (made < 0) launch.error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    *stage = launch.stage;
    if (made > 0 && launch.error != 0) {
        while (waitpid(made, NULL, 0) < 0 && errno == EINTR) {}
        return launch.error;
    }
    if (made < 0) return launch.error;
    // Only we reap it, so its number cannot belong to another yet.
    *pidfd = (int)syscall(SYS_pidfd_open, made, 0);
    if (*pidfd < 0) {
        int error = errno;
        kill(made, child->whole == FLOW_SPAWN_ALONE ? SIGKILL : FLOW_KEEPER_END);
        while (waitpid(made, NULL, 0) < 0 && errno == EINTR) {}
        *stage = FLOW_SPAWN_WATCH;
        return error;
    }
    *pid = made;
    return 0;
}

int flow_spawn_reap(int pidfd, int *status, int *signalled) {
    siginfo_t info = {0};
    int result;
    do result = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG); while (result < 0 && errno == EINTR);
    if (result < 0) return -1;
    if (info.si_pid == 0) return 0;
    *status = info.si_status;
    *signalled = info.si_code != CLD_EXITED;
    return 1;
}

int flow_spawn_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? errno : 0;
}

int flow_spawn_end(int pidfd) { return flow_spawn_signal(pidfd, FLOW_KEEPER_END); }

// By bare system calls: they change this thread alone, and give up root's rights over files with the account. The two that set the ids
// for files tell nothing of a failure, so they are asked what holds.
static int read_as(uid_t user, gid_t group) {
    if (syscall(SYS_setgroups, 1, &group) < 0) return -1;
    syscall(SYS_setfsgid, group);
    syscall(SYS_setfsuid, user);
    const int nobody = -1;
    if ((gid_t)syscall(SYS_setfsgid, nobody) == group && (uid_t)syscall(SYS_setfsuid, nobody) == user) return 0;
    errno = EPERM;
    return -1;
}

int flow_open_as(const char *path, int64_t uid, int64_t gid) {
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    if (uid < 0 || gid < 0) return open(path, flags);
    gid_t groups[256];
    int count = (int)syscall(SYS_getgroups, 256, groups);
    if (count < 0) return -1;
    int file = read_as((uid_t)uid, (gid_t)gid) < 0 ? -1 : open(path, flags), error = errno;
    syscall(SYS_setfsuid, geteuid());
    syscall(SYS_setfsgid, getegid());
    if (syscall(SYS_setgroups, count, groups) < 0 && file >= 0) {
        error = errno;
        close(file);
        file = -1;
    }
    errno = error;
    return file;
}
