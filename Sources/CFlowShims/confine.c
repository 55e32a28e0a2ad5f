// Starts programs that must not be trusted, and ends all that they started: the evaluation of a flow file, and its compiler.
//
// Three layers, each alone enough for most of it: limits (memory, time, file size), Landlock (only listed paths can be read,
// nothing written, nobody outside signalled), and a filter that lets through only the system calls that evaluating takes
// (filter.c). Between fork and exec only async-signal-safe calls are made; everything that allocates is done before.
//
// What is started has a keeper above it (keeper.c): it is ended with everything below it, also when this process is killed.

#define _GNU_SOURCE
#include "include/confine.h"
#include "filter.h"
#include "include/descriptor_limit.h"
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// MARK: - Landlock

int flow_confine_landlock(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

// As the newest kernels know it; an older one is given the part that it knows.
struct ruleset { uint64_t files, network, scoped; };

static const uint64_t read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE;

static void allow(int ruleset, const char *path) {
    struct stat status;
    int descriptor = open(path, O_PATH | O_CLOEXEC);
    // A path that this machine does not have needs no permission.
    if (descriptor < 0) return;
    uint64_t rights = read_rights;
    if (fstat(descriptor, &status) == 0 && !S_ISDIR(status.st_mode)) rights &= ~LANDLOCK_ACCESS_FS_READ_DIR;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = descriptor};
    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(descriptor);
}

// The ruleset, -1 with errno, or -2 where the kernel has no Landlock.
static int make_ruleset(const char *const *readable) {
    int version = flow_confine_landlock();
    if (version < 1) return -2;
    // Every right of the first version: execute, write, read, make and remove of each kind.
    struct ruleset wanted = {.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    size_t size = sizeof wanted.files;
    if (version >= 2) wanted.files |= 1ULL << 13; // refer: renaming and linking between folders
    if (version >= 3) wanted.files |= 1ULL << 14; // truncate
    if (version >= 4) wanted.network = 3, size = offsetof(struct ruleset, scoped); // bind and connect
    if (version >= 5) wanted.files |= 1ULL << 15; // commands to devices
    if (version >= 6) wanted.scoped = 3, size = sizeof wanted; // abstract sockets of others, and signals to them
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, size, 0);
    if (ruleset < 0) return -1;
    for (; *readable; readable++) allow(ruleset, *readable);
    return ruleset;
}

// MARK: - The child

struct failure { int error, stage; };
enum stage { STAGE_KEEPER, STAGE_DESCRIPTORS, STAGE_FOLDER, STAGE_LIMITS, STAGE_LANDLOCK, STAGE_FILTER, STAGE_EXEC };
static const char *const stages[] = {
    "making its keeper", "arranging its descriptors", "entering its folder", "setting its limits", "confining it to its files",
    "filtering its system calls", "starting it",
};

static void limit(int resource, uint64_t value) {
    if (value == 0) return;
    struct rlimit limit = {value, value};
    // A limit that is lower already stays.
    struct rlimit now;
    if (getrlimit(resource, &now) == 0 && now.rlim_max < value) limit.rlim_cur = limit.rlim_max = now.rlim_max;
    setrlimit(resource, &limit);
}

static void reset_signals(void) {
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &plain, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int arrange_descriptors(const struct flow_confined *child) {
    // Out of the way first: a source may have the number of another's goal.
    int out = fcntl(child->out, F_DUPFD_CLOEXEC, 16), err = fcntl(child->err, F_DUPFD_CLOEXEC, 16);
    int report = child->report < 0 ? -1 : fcntl(child->report, F_DUPFD_CLOEXEC, 16);
    int null = open("/dev/null", O_RDONLY);
    if (out < 0 || err < 0 || null < 0 || (child->report >= 0 && report < 0)) return -1;
    if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) return -1;
    if (report >= 0 && dup2(report, 3) < 0) return -1;
    // Everything else closes at exec, the pipe for failures among it.
    return (int)syscall(SYS_close_range, report >= 0 ? 4 : 3, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
}

static _Noreturn void give_up(int failures, enum stage stage) {
    struct failure failure = {errno, stage};
    while (write(failures, &failure, sizeof failure) < 0 && errno == EINTR) {}
    _exit(127);
}

// What root could do without any file, it cannot do in here. Reading everything stays: which files, Landlock says.
static int drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (syscall(SYS_capget, &header, data) < 0) return -1;
    data[0].permitted &= 1U << CAP_DAC_READ_SEARCH;
    data[0].effective &= 1U << CAP_DAC_READ_SEARCH;
    data[1].permitted = data[1].effective = data[0].inheritable = data[1].inheritable = 0;
    return (int)syscall(SYS_capset, &header, data);
}

static _Noreturn void become(const struct flow_confined *child, pid_t keeper, int ruleset, int failures) {
    setsid();
    if (flow_keeper_follow(keeper) < 0) give_up(failures, STAGE_KEEPER);
    reset_signals();
    if (arrange_descriptors(child) < 0) give_up(failures, STAGE_DESCRIPTORS);
    if (child->folder && chdir(child->folder) < 0) give_up(failures, STAGE_FOLDER);
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0) give_up(failures, STAGE_LIMITS);
    limit(RLIMIT_AS, child->memory_bytes);
    limit(RLIMIT_CPU, child->cpu_seconds);
    limit(RLIMIT_FSIZE, child->file_bytes);
    if (child->confined) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) give_up(failures, STAGE_FILTER);
        // Swift finds a program's arguments through it. It is added here since it names the child, not its parent.
        if (ruleset >= 0) allow(ruleset, "/proc/self/maps");
        if (ruleset >= 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) give_up(failures, STAGE_LANDLOCK);
    }
    // Not before: what our parent has open stands above the limit, and nothing could be opened any more.
    flow_lower_descriptor_limit();
    if (child->confined) {
        limit(RLIMIT_NOFILE, 256);
        struct flow_filter_start start = {child->path, child->argv, child->envp};
        if (drop_capabilities() < 0 || flow_filter_evaluation(getpid(), start) < 0) give_up(failures, STAGE_FILTER);
    }
    execve(child->path, child->argv, child->envp);
    give_up(failures, STAGE_EXEC);
}

int flow_confine_spawn(const struct flow_confined *child, pid_t *pid, const char **stage) {
    int failures[2], error = 0;
    *stage = stages[STAGE_EXEC];
    if (pipe2(failures, O_CLOEXEC) < 0) return errno;
    // The child moves it, because its number may be that of one of the child's own descriptors.
    int high = fcntl(failures[1], F_DUPFD_CLOEXEC, 64);
    int ruleset = child->confined ? make_ruleset(child->readable) : -2;
    if (high < 0 || ruleset == -1) {
        error = errno;
        close(failures[0]), close(failures[1]);
        if (high >= 0) close(high);
        *stage = stages[STAGE_LANDLOCK];
        return error;
    }
    // No handler of ours may run in the child before it has reset them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t own = getpid(), keeper = fork();
    if (keeper == 0) {
        pid_t itself = getpid(), program = flow_keeper_fork(own, FLOW_KEEPER_THREAD);
        if (program < 0) give_up(high, STAGE_KEEPER);
        if (program == 0) become(child, itself, ruleset, high);
        flow_keeper_keep(program, own, FLOW_KEEPER_THREAD, 0);
    }
    error = keeper < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(failures[1]);
    close(high);
    if (ruleset >= 0) close(ruleset);

    struct failure failure;
    ssize_t got = 0;
    if (keeper > 0) {
        do got = read(failures[0], &failure, sizeof failure); while (got < 0 && errno == EINTR);
    }
    close(failures[0]);
    if (got == sizeof failure) {
        while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR) {}
        *stage = stages[failure.stage];
        return failure.error;
    }
    *pid = keeper;
    return error;
}

int flow_confine_end(pid_t pid) {
    int status = 0;
    kill(pid, FLOW_KEEPER_END);
    pid_t taken;
    do taken = waitpid(pid, &status, 0); while (taken < 0 && errno == EINTR);
    // Where SIGCHLD is ignored the end is nobody's to take: not known is not well.
    return taken == pid ? status : 127 << 8;
}

int flow_confine_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int flow_confine_pidfd(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
