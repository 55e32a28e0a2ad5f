// Ends everything that a program started, whatever sessions and process groups it went into.
//
// A signal to a process group reaches one group, and a compiler's frontend has its own. So the program gets a keeper above it that
// takes in what loses its parent (a subreaper), and that is told by the kernel when the process that wanted the program has gone,
// also by SIGKILL. Needs no rights, no namespace and no control group: it works the same for root and for everybody, in containers
// too. Runs in a fork of a process with threads: async-signal-safe calls only.

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t flow_keeper_fork(pid_t parent) {
    // Out of the reach of what is meant for the parent's terminal or group.
    setsid();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return -1;
    if (prctl(PR_SET_PDEATHSIG, FLOW_KEEPER_END, 0, 0, 0) < 0) return -1;
    // It went before it could be watched: nothing is started.
    if (getppid() != parent) return errno = ESRCH, -1;
    // Else a SIGCHLD that our parent ignores would take the ends away from us.
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &plain, NULL);
    return _Fork();
}

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

_Noreturn void flow_keeper_keep(pid_t program) {
    // The pipes are the program's: their other ends must see it close them.
    syscall(SYS_close_range, 0, ~0U, 0);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, FLOW_KEEPER_END);
    int status = SIGKILL, ended = 0;
    while (!ended) {
        int which = sigwaitinfo(&awaited, NULL);
        if (which == FLOW_KEEPER_END) break;
        int each;
        for (pid_t one; (one = waitpid(-1, &each, WNOHANG | __WALL)) > 0;)
            if (one == program) status = each, ended = 1;
    }
    // Where /proc cannot be read, its own group is what can be reached.
    kill(-program, SIGKILL);
    if (!ended) kill(program, SIGKILL);
    end_all();
    end_like(status);
}
