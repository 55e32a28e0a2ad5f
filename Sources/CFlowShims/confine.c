// Starts programs that must not be trusted: the evaluation of a flow file.
//
// Three layers, each alone enough for most of it: limits (memory, time, file size), Landlock (only listed paths can be read,
// nothing written), and a filter on system calls (no sockets, no processes, no opening for writing). Between fork and exec only
// async-signal-safe calls are made; everything that allocates is done before.

#define _GNU_SOURCE
#include "include/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
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
    struct landlock_ruleset_attr attributes = {0};
    // Every right of the first version: execute, write, read, make and remove of each kind.
    attributes.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (version >= 2) attributes.handled_access_fs |= 1ULL << 13; // refer: renaming and linking between folders
    if (version >= 3) attributes.handled_access_fs |= 1ULL << 14; // truncate
    int ruleset = (int)syscall(
        SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
    if (ruleset < 0) return -1;
    for (; *readable; readable++) allow(ruleset, *readable);
    return ruleset;
}

// MARK: - The filter

#if defined(__x86_64__)
#define FLOW_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FLOW_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#define FLOW_AUDIT_ARCH 0
#endif

enum about { ABOUT_NETWORK, ABOUT_FILES, ABOUT_PROCESSES, ABOUT_MACHINE };

static const struct refusal { int call; enum about about; } refusals[] = {
    {SYS_socket, ABOUT_NETWORK}, {SYS_socketpair, ABOUT_NETWORK}, {SYS_connect, ABOUT_NETWORK}, {SYS_bind, ABOUT_NETWORK},
    {SYS_io_uring_setup, ABOUT_NETWORK}, // its operations pass by the filter
#ifdef SYS_creat
    {SYS_creat, ABOUT_FILES}, {SYS_mkdir, ABOUT_FILES}, {SYS_rmdir, ABOUT_FILES}, {SYS_unlink, ABOUT_FILES},
    {SYS_rename, ABOUT_FILES}, {SYS_link, ABOUT_FILES}, {SYS_symlink, ABOUT_FILES}, {SYS_mknod, ABOUT_FILES},
    {SYS_chmod, ABOUT_FILES}, {SYS_chown, ABOUT_FILES}, {SYS_lchown, ABOUT_FILES}, {SYS_utime, ABOUT_FILES},
    {SYS_utimes, ABOUT_FILES}, {SYS_futimesat, ABOUT_FILES},
    {SYS_fork, ABOUT_PROCESSES}, {SYS_vfork, ABOUT_PROCESSES},
#endif
#ifdef SYS_renameat
    {SYS_renameat, ABOUT_FILES},
#endif
    {SYS_mkdirat, ABOUT_FILES}, {SYS_unlinkat, ABOUT_FILES}, {SYS_renameat2, ABOUT_FILES}, {SYS_linkat, ABOUT_FILES},
    {SYS_symlinkat, ABOUT_FILES}, {SYS_mknodat, ABOUT_FILES}, {SYS_truncate, ABOUT_FILES}, {SYS_fchmod, ABOUT_FILES},
    {SYS_fchmodat, ABOUT_FILES}, {452 /* fchmodat2 */, ABOUT_FILES}, {SYS_fchown, ABOUT_FILES}, {SYS_fchownat, ABOUT_FILES},
    {SYS_utimensat, ABOUT_FILES}, {SYS_setxattr, ABOUT_FILES}, {SYS_lsetxattr, ABOUT_FILES}, {SYS_fsetxattr, ABOUT_FILES},
    {SYS_removexattr, ABOUT_FILES}, {SYS_lremovexattr, ABOUT_FILES}, {SYS_fremovexattr, ABOUT_FILES},
    {SYS_openat2, ABOUT_FILES}, {SYS_memfd_create, ABOUT_FILES},
    {SYS_pidfd_send_signal, ABOUT_PROCESSES}, {SYS_pidfd_getfd, ABOUT_PROCESSES}, {SYS_rt_sigqueueinfo, ABOUT_PROCESSES},
    {SYS_ptrace, ABOUT_PROCESSES}, {SYS_process_vm_readv, ABOUT_PROCESSES}, {SYS_process_vm_writev, ABOUT_PROCESSES},
    {SYS_setns, ABOUT_MACHINE}, {SYS_unshare, ABOUT_MACHINE}, {SYS_mount, ABOUT_MACHINE}, {SYS_umount2, ABOUT_MACHINE},
    {SYS_pivot_root, ABOUT_MACHINE}, {SYS_chroot, ABOUT_MACHINE}, {SYS_bpf, ABOUT_MACHINE}, {SYS_keyctl, ABOUT_MACHINE},
    {SYS_add_key, ABOUT_MACHINE}, {SYS_perf_event_open, ABOUT_MACHINE}, {SYS_userfaultfd, ABOUT_MACHINE},
    {SYS_reboot, ABOUT_MACHINE}, {SYS_sethostname, ABOUT_MACHINE}, {SYS_init_module, ABOUT_MACHINE},
    {SYS_finit_module, ABOUT_MACHINE}, {SYS_kexec_load, ABOUT_MACHINE}, {SYS_swapon, ABOUT_MACHINE},
};
enum { REFUSALS = sizeof refusals / sizeof refusals[0] };

const char *flow_confine_describe(int call) {
    static const char *const words[] = {
        [ABOUT_NETWORK] = "used the network",
        [ABOUT_FILES] = "wrote to the file system",
        [ABOUT_PROCESSES] = "started or touched another process",
        [ABOUT_MACHINE] = "changed the machine",
    };
    for (int index = 0; index < REFUSALS; index++)
        if (refusals[index].call == call) return words[refusals[index].about];
    if (call == SYS_openat) return words[ABOUT_FILES];
#ifdef SYS_open
    if (call == SYS_open) return words[ABOUT_FILES];
#endif
    if (call == SYS_clone || call == SYS_kill || call == SYS_tgkill || call == SYS_tkill) return words[ABOUT_PROCESSES];
    return NULL;
}

int flow_confine_seccomp(void) {
    uint32_t action = SECCOMP_RET_TRAP;
    return FLOW_AUDIT_ARCH != 0 && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

struct program { struct sock_filter code[REFUSALS * 2 + 64]; int count; };

static void emit(struct program *program, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
    program->code[program->count++] = (struct sock_filter){code, yes, no, value};
}

enum { LOAD = BPF_LD | BPF_W | BPF_ABS, EQUAL = BPF_JMP | BPF_JEQ | BPF_K, ANY_SET = BPF_JMP | BPF_JSET | BPF_K, GIVE = BPF_RET | BPF_K };

static uint32_t argument(int index) { return offsetof(struct seccomp_data, args) + 8 * (uint32_t)index; }

// Refuses `call` when any of `bits` is set in the argument (or none is, where `when_set` is 0).
static void refuse_bits(struct program *program, int call, int index, uint32_t bits, int when_set) {
    emit(program, EQUAL, (uint32_t)call, 0, 4);
    emit(program, LOAD, argument(index), 0, 0);
    emit(program, ANY_SET, bits, when_set ? 0 : 1, when_set ? 1 : 0);
    emit(program, GIVE, SECCOMP_RET_TRAP, 0, 0);
    emit(program, GIVE, SECCOMP_RET_ALLOW, 0, 0);
}

// Signals may go to this process only.
static void refuse_others(struct program *program, int call, uint32_t own) {
    emit(program, EQUAL, (uint32_t)call, 0, 4);
    emit(program, LOAD, argument(0), 0, 0);
    emit(program, EQUAL, own, 1, 0);
    emit(program, GIVE, SECCOMP_RET_TRAP, 0, 0);
    emit(program, GIVE, SECCOMP_RET_ALLOW, 0, 0);
}

static void make_filter(struct program *program, pid_t own) {
    const uint32_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
    program->count = 0;
    emit(program, LOAD, offsetof(struct seccomp_data, arch), 0, 0);
    emit(program, EQUAL, FLOW_AUDIT_ARCH, 1, 0);
    emit(program, GIVE, SECCOMP_RET_KILL_PROCESS, 0, 0);
    emit(program, LOAD, offsetof(struct seccomp_data, nr), 0, 0);
#if defined(__x86_64__)
    // The x32 numbers of the same calls.
    emit(program, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    emit(program, GIVE, SECCOMP_RET_KILL_PROCESS, 0, 0);
#endif
    for (int index = 0; index < REFUSALS; index++) {
        emit(program, EQUAL, (uint32_t)refusals[index].call, 0, 1);
        emit(program, GIVE, SECCOMP_RET_TRAP, 0, 0);
    }
    // Its flags are in memory, which a filter cannot see; the C library falls back to clone.
    emit(program, EQUAL, SYS_clone3, 0, 1);
    emit(program, GIVE, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
    refuse_bits(program, SYS_openat, 2, writing, 1);
#ifdef SYS_open
    refuse_bits(program, SYS_open, 1, writing, 1);
#endif
    refuse_bits(program, SYS_clone, 0, CLONE_THREAD, 0);
    refuse_others(program, SYS_kill, (uint32_t)own);
    refuse_others(program, SYS_tgkill, (uint32_t)own);
    emit(program, EQUAL, SYS_tkill, 0, 1);
    emit(program, GIVE, SECCOMP_RET_TRAP, 0, 0);
    emit(program, GIVE, SECCOMP_RET_ALLOW, 0, 0);
}

// MARK: - The child

struct failure { int error, stage; };
enum stage { STAGE_DESCRIPTORS, STAGE_FOLDER, STAGE_LIMITS, STAGE_LANDLOCK, STAGE_FILTER, STAGE_EXEC };
static const char *const stages[] = {
    "arranging its descriptors", "entering its folder", "setting its limits", "confining it to its files",
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

static _Noreturn void become(const struct flow_confined *child, int ruleset, int failures) {
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
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
        // Not before: what our parent has open stands above the limit, and nothing could be opened any more.
        limit(RLIMIT_NOFILE, 256);
        if (flow_confine_seccomp()) {
            struct program program;
            make_filter(&program, getpid());
            struct sock_fprog filter = {(unsigned short)program.count, program.code};
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) give_up(failures, STAGE_FILTER);
        }
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
    pid_t made = fork();
    if (made == 0) become(child, ruleset, high);
    error = made < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(failures[1]);
    close(high);
    if (ruleset >= 0) close(ruleset);

    struct failure failure;
    ssize_t got = 0;
    if (made > 0) {
        do got = read(failures[0], &failure, sizeof failure); while (got < 0 && errno == EINTR);
    }
    close(failures[0]);
    if (got == sizeof failure) {
        while (waitpid(made, NULL, 0) < 0 && errno == EINTR) {}
        *stage = stages[failure.stage];
        return failure.error;
    }
    *pid = made;
    return error;
}

int flow_confine_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int flow_confine_pidfd(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
