// Ends everything that a program started, whatever sessions and process groups it went into.
//
// A signal to a process group reaches one group, and a compiler's frontend, or a program that a step started, has its own. So the program
// gets a keeper above it that takes in what loses its parent (a subreaper), and that is told by the kernel when the process that wanted the
// program has gone, also by SIGKILL. Needs no rights, no namespace and no control group: it works the same for root and for everybody, in containers
// too. Runs in a fork of a process with threads: async-signal-safe calls only.

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t flow_keeper_fork(pid_t parent, enum flow_keeper_bond bond) {
    // Out of the reach of what is meant for the parent's terminal or group.
    setsid();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return -1;
    if (bond == FLOW_KEEPER_THREAD && prctl(PR_SET_PDEATHSIG, FLOW_KEEPER_END, 0, 0, 0) < 0) return -1;
    // It went before it could be watched: nothing is started.
    if (bond != FLOW_KEEPER_NOBODY && getppid() != parent) return errno = ESRCH, -1;
    // Else a SIGCHLD that our parent ignores would take the ends away from us.
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &plain, NULL);
    return _Fork();
}

int flow_keeper_follow(pid_t keeper) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return -1;
    return getppid() == keeper ? 0 : (errno = ESRCH, -1);
}

// MARK: - Memory

enum { large = 1 << 20 };

static int is_needed(uintptr_t start, uintptr_t end) {
    char here;
    // The stack, and what the C library keeps for this thread.
    uintptr_t used[] = {(uintptr_t)&here, (uintptr_t)pthread_self(), (uintptr_t)&errno};
    for (unsigned index = 0; index < sizeof used / sizeof *used; index++)
        if (start <= used[index] && used[index] < end) return 1;
    return 0;
}

// One line of `maps`: START-END RIGHTS OFFSET DEVICE INODE PATH.
static void let_go_of(const char *line) {
    uintptr_t bounds[2] = {0, 0};
    for (int index = 0; index < 2; index++, line++)
        for (; (*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f'); line++)
            bounds[index] = bounds[index] << 4 | (uintptr_t)(*line <= '9' ? *line - '0' : *line - 'a' + 10);
    if (strncmp(line, "rw-p ", 5) != 0) return;
    // What is of a file is small, and the C library's own may be among it.
    for (int skipped = 0; skipped < 3; line++)
        if (*line == ' ') skipped++; else if (*line == 0) return;
    if (line[0] != '0' || bounds[1] - bounds[0] < large || is_needed(bounds[0], bounds[1])) return;
    madvise((void *)bounds[0], bounds[1] - bounds[0], MADV_DONTNEED);
}

// What the engine had in memory is not kept as long as a program runs: it would cost as much again. Most of
// the secrets go with it; what lies in small areas stays.
static void let_go_of_memory(void) {
    int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (maps < 0) return;
    char buffer[4096], line[128];
    size_t length = 0;
    ssize_t got;
    while ((got = read(maps, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0; at < got; at++) {
            if (buffer[at] != '\n') {
                if (length < sizeof line - 1) line[length++] = buffer[at];
                continue;
            }
            line[length] = 0;
            length = 0;
            let_go_of(line);
        }
    close(maps);
}

// MARK: - Processes

// The number in a text of digits; 0 for any other.
static pid_t number(const char *text) {
    pid_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (*text - '0');
    return *text == 0 ? value : 0;
}

static pid_t parent_of(int proc, const char *name) {
    char path[32], line[512];
    size_t length = strlen(name);
    if (length > 16) return 0;
    memcpy(path, name, length);
    memcpy(path + length, "/stat", 6);
    int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t got = read(file, line, sizeof line - 1);
    close(file);
    if (got <= 0) return 0;
    line[got] = 0;
    // `PID (NAME) STATE PARENT …`, and a name may have parentheses and spaces.
    char *at = strrchr(line, ')');
    if (!at || strlen(at) < 5) return 0;
    char *parent = at + 4, *end = strchr(parent, ' ');
    if (!end) return 0;
    *end = 0;
    return number(parent);
}

struct entry { uint64_t inode; int64_t offset; unsigned short length; unsigned char type; char name[]; };

// A child of ours keeps its number until we take its end, so none of another is hit.
static int kill_children(void) {
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) return -1;
    pid_t own = getpid();
    _Alignas(8) char buffer[8192];
    long got;
    while ((got = syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < got;) {
            const struct entry *entry = (const struct entry *)(buffer + at);
            pid_t process = number(entry->name);
            if (process > 0 && parent_of(proc, entry->name) == own) kill(process, SIGKILL);
            at += entry->length;
        }
    close(proc);
    return 0;
}

// When a child ends, what it had started becomes ours, until there is nothing more.
static void end_all(void) {
    while (kill_children() == 0)
        if (waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD) return;
}

static _Noreturn void end_like(int status) {
    if (WIFSIGNALED(status)) {
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(WTERMSIG(status), &plain, NULL);
        kill(getpid(), WTERMSIG(status));
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 127);
}

// Where nothing is heard of the program, or the one that it is bound to has gone: 0. Else 1, and how the program ended.
static int await_end(pid_t program, pid_t parent, enum flow_keeper_bond bond, int *status) {
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, FLOW_KEEPER_END);
    struct pollfd waits[2] = {{.fd = signalfd(-1, &awaited, SFD_CLOEXEC), .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    if (waits[0].fd < 0) return 0;
    if (bond == FLOW_KEEPER_PROCESS) {
        waits[1].fd = (int)syscall(SYS_pidfd_open, parent, 0);
        // Asked after it was opened: the number is still that of our parent.
        if (waits[1].fd < 0 || getppid() != parent) return 0;
    }
    while (1) {
        if (poll(waits, 2, -1) < 0) continue;
        if (waits[1].revents) return 0;
        struct signalfd_siginfo told;
        if (read(waits[0].fd, &told, sizeof told) == sizeof told && told.ssi_signo == FLOW_KEEPER_END) return 0;
        int each;
        for (pid_t one; (one = waitpid(-1, &each, WNOHANG | __WALL)) > 0;)
            if (one == program) return *status = each, 1;
    }
}

_Noreturn void flow_keeper_keep(pid_t program, pid_t parent, enum flow_keeper_bond bond, int leaves) {
    // The pipes are the program's: their other ends must see it close them.
    syscall(SYS_close_range, 0, ~0U, 0);
    prctl(PR_SET_NAME, "flow-keeper", 0, 0, 0);
    let_go_of_memory();
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    int status = SIGKILL, ended = await_end(program, parent, bond, &status);
    if (ended && status == 0 && leaves) _exit(0);
    // Where /proc cannot be read, its own group is what can be reached.
    kill(-program, SIGKILL);
    if (!ended) kill(program, SIGKILL);
    end_all();
    end_like(status);
}
