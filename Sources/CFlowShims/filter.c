// Which system calls a flow file may make: while it is evaluated, and, from a wider list, when its Swift steps run.
//
// Evaluating: a list of what is allowed: what is in none of the lists here is answered ENOSYS, as by a kernel that does not have it, so that a
// newer C library falls back to what it did before. What somebody would have to mean (sockets, processes, writing, the machine) ends
// the evaluation with SIGSYS instead, and its number is told to the author. Numbers of another architecture end it at once.

#define _GNU_SOURCE
#include "filter.h"
#include "include/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FLOW_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FLOW_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#define FLOW_AUDIT_ARCH 0
#endif

// MARK: - The lists

// Whatever their arguments: they reach this process, and files that it could open.
static const int allowed[] = {
    // Memory.
    SYS_brk, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_mincore, SYS_msync, SYS_membarrier,
    // Threads, and their end.
    SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_set_tid_address, SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity,
    SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_getcpu, SYS_gettid, SYS_exit,
    SYS_exit_group,
    // Its own signals.
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_sigaltstack,
    SYS_restart_syscall,
    // Reading, and writing to what it was given.
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_lseek, SYS_close,
    SYS_close_range, SYS_dup, SYS_dup3, SYS_pipe2, SYS_fadvise64, SYS_getdents64, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs,
    SYS_fstatfs, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getcwd, SYS_umask,
    // Waiting.
    SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_nanosleep, SYS_clock_nanosleep,
    SYS_wait4, SYS_waitid,
    // Who and where it is, and what time.
    SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_times, SYS_getpid, SYS_getppid, SYS_getpgid, SYS_getsid, SYS_getuid,
    SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_getrusage, SYS_getrlimit, SYS_getpriority,
    SYS_uname, SYS_sysinfo, SYS_getrandom,
#if defined(__x86_64__)
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_dup2, SYS_pipe, SYS_poll, SYS_select, SYS_epoll_create,
    SYS_epoll_wait, SYS_eventfd, SYS_pause, SYS_time, SYS_getpgrp, SYS_arch_prctl,
#endif
};

// What Swift steps, and the programs that they start, may do beside that: files, network, processes, whatever root may do with these.
// Not here is what would change the kernel or look past what is hidden from them: modules, mounts, namespaces, other processes' memory,
// files by handle. It is answered as by a kernel that forbids it, or does not have it.
static const int wider[] = {
    SYS_execve, SYS_execveat, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_open,
    SYS_pidfd_send_signal, SYS_setpgid, SYS_setsid, SYS_prlimit64, SYS_setrlimit, SYS_setpriority, SYS_ioprio_set, SYS_ioprio_get,
    SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_sched_getattr, SYS_sched_setaffinity, SYS_sched_rr_get_interval,
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid, SYS_setgroups,
    SYS_capget, SYS_capset, SYS_personality, SYS_prctl, SYS_seccomp, SYS_process_mrelease,
    SYS_fcntl, SYS_ioctl, SYS_openat, SYS_openat2, SYS_flock, SYS_fsync, SYS_fdatasync, SYS_sync, SYS_syncfs, SYS_sync_file_range,
    SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_readahead, SYS_chdir, SYS_fchdir, SYS_mkdirat, SYS_mknodat, SYS_unlinkat,
    SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_fchmod, SYS_fchmodat, 452 /* fchmodat2 */, SYS_fchown, SYS_fchownat, SYS_utimensat,
    SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr, SYS_llistxattr,
    SYS_flistxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYS_copy_file_range, SYS_sendfile, SYS_splice, SYS_tee,
    SYS_vmsplice, SYS_preadv2, SYS_pwritev2, SYS_memfd_create, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
    SYS_name_to_handle_at, SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,
    SYS_socket, SYS_socketpair, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_connect, SYS_getsockname, SYS_getpeername,
    SYS_setsockopt, SYS_getsockopt, SYS_shutdown, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg,
    SYS_shmget, SYS_shmat, SYS_shmdt, SYS_shmctl, SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_semget, SYS_semop, SYS_semctl,
    SYS_semtimedop, SYS_mq_open, SYS_mq_unlink, SYS_mq_timedsend, SYS_mq_timedreceive, SYS_mq_notify, SYS_mq_getsetattr,
    SYS_mlock, SYS_mlock2, SYS_munlock, SYS_mlockall, SYS_munlockall, SYS_mbind, SYS_get_mempolicy, SYS_set_mempolicy,
    SYS_remap_file_pages, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_futex_waitv, 454 /* futex_wake */, 455 /* futex_wait */,
    456 /* futex_requeue */, SYS_epoll_pwait2, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime, SYS_timer_create,
    SYS_timer_settime, SYS_timer_gettime, SYS_timer_getoverrun, SYS_timer_delete, SYS_getitimer, SYS_setitimer, SYS_signalfd4,
    SYS_io_setup, SYS_io_destroy, SYS_io_submit, SYS_io_cancel, SYS_io_getevents, SYS_io_pgetevents,
#ifdef SYS_renameat
    SYS_renameat,
#endif
#if defined(__x86_64__)
    SYS_fork, SYS_vfork, SYS_open, SYS_creat, SYS_mkdir, SYS_rmdir, SYS_mknod, SYS_unlink, SYS_rename, SYS_link, SYS_symlink, SYS_chmod,
    SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat, SYS_alarm, SYS_signalfd, SYS_timerfd_create, SYS_inotify_init,
    SYS_set_thread_area, SYS_get_thread_area,
#endif
};

enum about { ABOUT_NETWORK, ABOUT_FILES, ABOUT_PROCESSES, ABOUT_MACHINE };
static const char *const words[] = {
    [ABOUT_NETWORK] = "used the network",
    [ABOUT_FILES] = "wrote to the file system",
    [ABOUT_PROCESSES] = "started or touched another process",
    [ABOUT_MACHINE] = "changed the machine",
};

// Nobody makes these by accident.
static const struct refusal { int call; enum about about; } refusals[] = {
    {SYS_socket, ABOUT_NETWORK}, {SYS_socketpair, ABOUT_NETWORK}, {SYS_connect, ABOUT_NETWORK}, {SYS_bind, ABOUT_NETWORK},
    {SYS_io_uring_setup, ABOUT_NETWORK},
#if defined(__x86_64__)
    {SYS_creat, ABOUT_FILES}, {SYS_mkdir, ABOUT_FILES}, {SYS_rmdir, ABOUT_FILES}, {SYS_unlink, ABOUT_FILES},
    {SYS_rename, ABOUT_FILES}, {SYS_link, ABOUT_FILES}, {SYS_symlink, ABOUT_FILES}, {SYS_mknod, ABOUT_FILES},
    {SYS_chmod, ABOUT_FILES}, {SYS_chown, ABOUT_FILES}, {SYS_lchown, ABOUT_FILES}, {SYS_utime, ABOUT_FILES},
    {SYS_utimes, ABOUT_FILES}, {SYS_futimesat, ABOUT_FILES},
    {SYS_fork, ABOUT_PROCESSES}, {SYS_vfork, ABOUT_PROCESSES},
    {SYS_iopl, ABOUT_MACHINE}, {SYS_ioperm, ABOUT_MACHINE},
#endif
#ifdef SYS_renameat
    {SYS_renameat, ABOUT_FILES},
#endif
    {SYS_mkdirat, ABOUT_FILES}, {SYS_unlinkat, ABOUT_FILES}, {SYS_renameat2, ABOUT_FILES}, {SYS_linkat, ABOUT_FILES},
    {SYS_symlinkat, ABOUT_FILES}, {SYS_mknodat, ABOUT_FILES}, {SYS_truncate, ABOUT_FILES}, {SYS_fchmod, ABOUT_FILES},
    {SYS_fchmodat, ABOUT_FILES}, {452 /* fchmodat2 */, ABOUT_FILES}, {SYS_fchown, ABOUT_FILES}, {SYS_fchownat, ABOUT_FILES},
    {SYS_utimensat, ABOUT_FILES}, {SYS_setxattr, ABOUT_FILES}, {SYS_lsetxattr, ABOUT_FILES}, {SYS_fsetxattr, ABOUT_FILES},
    {SYS_removexattr, ABOUT_FILES}, {SYS_lremovexattr, ABOUT_FILES}, {SYS_fremovexattr, ABOUT_FILES},
    {SYS_openat2, ABOUT_FILES}, {SYS_memfd_create, ABOUT_FILES}, {SYS_open_by_handle_at, ABOUT_FILES},
    {SYS_fanotify_init, ABOUT_FILES}, {SYS_inotify_init1, ABOUT_FILES}, {SYS_mq_open, ABOUT_FILES}, {SYS_mq_unlink, ABOUT_FILES},
    {SYS_tkill, ABOUT_PROCESSES}, {SYS_rt_sigqueueinfo, ABOUT_PROCESSES}, {SYS_rt_tgsigqueueinfo, ABOUT_PROCESSES},
    {SYS_pidfd_open, ABOUT_PROCESSES}, {SYS_pidfd_send_signal, ABOUT_PROCESSES}, {SYS_pidfd_getfd, ABOUT_PROCESSES},
    {SYS_ptrace, ABOUT_PROCESSES}, {SYS_process_vm_readv, ABOUT_PROCESSES}, {SYS_process_vm_writev, ABOUT_PROCESSES},
    {SYS_process_madvise, ABOUT_PROCESSES}, {SYS_process_mrelease, ABOUT_PROCESSES}, {SYS_kcmp, ABOUT_PROCESSES},
    {SYS_execveat, ABOUT_PROCESSES}, {SYS_setpgid, ABOUT_PROCESSES}, {SYS_setsid, ABOUT_PROCESSES},
    {SYS_setpriority, ABOUT_PROCESSES}, {SYS_ioprio_set, ABOUT_PROCESSES}, {SYS_sched_setscheduler, ABOUT_PROCESSES},
    {SYS_sched_setparam, ABOUT_PROCESSES}, {SYS_sched_setattr, ABOUT_PROCESSES}, {SYS_sched_setaffinity, ABOUT_PROCESSES},
    {SYS_move_pages, ABOUT_PROCESSES}, {SYS_migrate_pages, ABOUT_PROCESSES},
    {SYS_setns, ABOUT_MACHINE}, {SYS_unshare, ABOUT_MACHINE}, {SYS_mount, ABOUT_MACHINE}, {SYS_umount2, ABOUT_MACHINE},
    {SYS_mount_setattr, ABOUT_MACHINE}, {SYS_open_tree, ABOUT_MACHINE}, {SYS_move_mount, ABOUT_MACHINE}, {SYS_fsopen, ABOUT_MACHINE},
    {SYS_fspick, ABOUT_MACHINE}, {SYS_pivot_root, ABOUT_MACHINE}, {SYS_chroot, ABOUT_MACHINE}, {SYS_quotactl, ABOUT_MACHINE},
    {SYS_bpf, ABOUT_MACHINE}, {SYS_perf_event_open, ABOUT_MACHINE}, {SYS_userfaultfd, ABOUT_MACHINE}, {SYS_keyctl, ABOUT_MACHINE},
    {SYS_add_key, ABOUT_MACHINE}, {SYS_request_key, ABOUT_MACHINE}, {SYS_shmget, ABOUT_MACHINE}, {SYS_shmat, ABOUT_MACHINE},
    {SYS_shmctl, ABOUT_MACHINE}, {SYS_msgget, ABOUT_MACHINE}, {SYS_msgsnd, ABOUT_MACHINE}, {SYS_msgctl, ABOUT_MACHINE},
    {SYS_semget, ABOUT_MACHINE}, {SYS_semop, ABOUT_MACHINE}, {SYS_semctl, ABOUT_MACHINE}, {SYS_reboot, ABOUT_MACHINE},
    {SYS_sethostname, ABOUT_MACHINE}, {SYS_setdomainname, ABOUT_MACHINE}, {SYS_adjtimex, ABOUT_MACHINE},
    {SYS_clock_adjtime, ABOUT_MACHINE}, {SYS_clock_settime, ABOUT_MACHINE}, {SYS_settimeofday, ABOUT_MACHINE},
    {SYS_init_module, ABOUT_MACHINE}, {SYS_finit_module, ABOUT_MACHINE}, {SYS_delete_module, ABOUT_MACHINE},
    {SYS_kexec_load, ABOUT_MACHINE}, {SYS_swapon, ABOUT_MACHINE}, {SYS_swapoff, ABOUT_MACHINE}, {SYS_acct, ABOUT_MACHINE},
    {SYS_syslog, ABOUT_MACHINE}, {SYS_vhangup, ABOUT_MACHINE}, {SYS_sync, ABOUT_MACHINE}, {SYS_personality, ABOUT_MACHINE},
    {SYS_setuid, ABOUT_MACHINE}, {SYS_setgid, ABOUT_MACHINE}, {SYS_setreuid, ABOUT_MACHINE}, {SYS_setregid, ABOUT_MACHINE},
    {SYS_setresuid, ABOUT_MACHINE}, {SYS_setresgid, ABOUT_MACHINE}, {SYS_setgroups, ABOUT_MACHINE}, {SYS_capset, ABOUT_MACHINE},
    // Those below are allowed with some arguments: the filter has looked at them before.
    {SYS_openat, ABOUT_FILES}, {SYS_clone, ABOUT_PROCESSES}, {SYS_execve, ABOUT_PROCESSES}, {SYS_kill, ABOUT_PROCESSES},
    {SYS_tgkill, ABOUT_PROCESSES}, {SYS_fcntl, ABOUT_PROCESSES}, {SYS_prlimit64, ABOUT_PROCESSES},
#if defined(__x86_64__)
    {SYS_open, ABOUT_FILES},
#endif
};

enum { ALLOWED = sizeof allowed / sizeof *allowed, WIDER = sizeof wider / sizeof *wider, REFUSALS = sizeof refusals / sizeof *refusals };

const char *flow_confine_describe(int call) {
    for (int index = 0; index < REFUSALS; index++)
        if (refusals[index].call == call) return words[refusals[index].about];
    return NULL;
}

// MARK: - The program

struct program {
    struct sock_filter code[2 * (ALLOWED + WIDER + REFUSALS) + 160];
    int count;
    // Where the part for one call begins.
    int part;
};

enum { LOAD = BPF_LD | BPF_W | BPF_ABS, EQUAL = BPF_JMP | BPF_JEQ | BPF_K, ANY_SET = BPF_JMP | BPF_JSET | BPF_K, GIVE = BPF_RET | BPF_K };
enum { ALLOW = SECCOMP_RET_ALLOW, NOT_PERMITTED = SECCOMP_RET_ERRNO | EPERM, NOT_THERE = SECCOMP_RET_ERRNO | ENOSYS };
static const uint32_t TRAP = SECCOMP_RET_TRAP, KILL = SECCOMP_RET_KILL_PROCESS;

static void emit(struct program *program, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
    program->code[program->count++] = (struct sock_filter){code, yes, no, value};
}

static void answer(struct program *program, int call, uint32_t action) {
    emit(program, EQUAL, (uint32_t)call, 0, 1);
    emit(program, GIVE, action, 0, 0);
}

// What stands between `begin` and `end` is for one call only, and always gives an answer.
static void begin(struct program *program, int call) {
    program->part = program->count;
    emit(program, EQUAL, (uint32_t)call, 0, 0);
}

static void end(struct program *program, uint32_t action) {
    emit(program, GIVE, action, 0, 0);
    program->code[program->part].jf = (uint8_t)(program->count - program->part - 1);
}

// Arguments that the kernel takes as 32 bits, whatever else is in the register.
static void load(struct program *program, int argument) {
    emit(program, LOAD, offsetof(struct seccomp_data, args) + 8 * (uint32_t)argument, 0, 0);
}

static void when_equal(struct program *program, uint32_t value, uint32_t action) {
    emit(program, EQUAL, value, 0, 1);
    emit(program, GIVE, action, 0, 0);
}

static void unless_equal(struct program *program, uint32_t value, uint32_t action) {
    emit(program, EQUAL, value, 1, 0);
    emit(program, GIVE, action, 0, 0);
}

static void when_any_set(struct program *program, uint32_t bits, uint32_t action) {
    emit(program, ANY_SET, bits, 0, 1);
    emit(program, GIVE, action, 0, 0);
}

static void unless_address(struct program *program, int argument, const void *address, uint32_t action) {
    uint64_t value = (uint64_t)(uintptr_t)address;
    load(program, argument);
    unless_equal(program, (uint32_t)value, action);
    emit(program, LOAD, offsetof(struct seccomp_data, args) + 8 * (uint32_t)argument + 4, 0, 0);
    unless_equal(program, (uint32_t)(value >> 32), action);
}

static void check_opening(struct program *program, int call, int flags) {
    begin(program, call);
    load(program, flags);
    when_any_set(program, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND, TRAP);
    end(program, ALLOW);
}

static void check_threads(struct program *program) {
    const uint32_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS
        | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_DETACHED;
    begin(program, SYS_clone);
    load(program, 0);
    when_any_set(program, ~thread, TRAP);
    when_any_set(program, CLONE_THREAD, ALLOW);
    end(program, TRAP);
    // Its flags are in memory, which a filter cannot see; the C library falls back to clone.
    answer(program, SYS_clone3, NOT_THERE);
}

// Signals to, and limits of, this process only.
static void check_process(struct program *program, int call, uint32_t own, int takes_zero) {
    begin(program, call);
    load(program, 0);
    when_equal(program, own, ALLOW);
    if (takes_zero) when_equal(program, 0, ALLOW);
    end(program, TRAP);
}

// Descriptors are copied and asked about; who is signalled about them is not chosen.
static void check_descriptors(struct program *program) {
    static const uint32_t commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL};
    begin(program, SYS_fcntl);
    load(program, 1);
    for (unsigned index = 0; index < sizeof commands / sizeof *commands; index++) when_equal(program, commands[index], ALLOW);
    unless_equal(program, F_SETFL, TRAP);
    load(program, 2);
    when_any_set(program, O_ASYNC, TRAP);
    end(program, ALLOW);
}

static void check_ones(struct program *program, int call, int argument, const uint32_t *values, int count) {
    begin(program, call);
    load(program, argument);
    for (int index = 0; index < count; index++) when_equal(program, values[index], ALLOW);
    end(program, NOT_PERMITTED);
}

static void check_start(struct program *program, struct flow_filter_start start) {
    begin(program, SYS_execve);
    unless_address(program, 0, start.path, TRAP);
    unless_address(program, 1, start.argv, TRAP);
    unless_address(program, 2, start.envp, TRAP);
    end(program, ALLOW);
}

static void check_architecture(struct program *program) {
    emit(program, LOAD, offsetof(struct seccomp_data, arch), 0, 0);
    unless_equal(program, FLOW_AUDIT_ARCH, KILL);
    emit(program, LOAD, offsetof(struct seccomp_data, nr), 0, 0);
#if defined(__x86_64__)
    // The x32 numbers of the same calls.
    emit(program, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    emit(program, GIVE, KILL, 0, 0);
#endif
}

static void make_evaluation(struct program *program, uint32_t own, struct flow_filter_start start) {
    // Whether they are a terminal, how much is there: the C library asks its streams.
    static const uint32_t questions[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIOCLEX, FIONCLEX, FIONBIO};
    static const uint32_t options[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_CAPBSET_READ, 0x53564d41 /* PR_SET_VMA */};
    program->count = 0;
    check_architecture(program);
    for (int index = 0; index < ALLOWED; index++) answer(program, allowed[index], ALLOW);
    check_opening(program, SYS_openat, 2);
#if defined(__x86_64__)
    check_opening(program, SYS_open, 1);
#endif
    check_threads(program);
    check_start(program, start);
    check_process(program, SYS_kill, own, 0);
    check_process(program, SYS_tgkill, own, 0);
    check_process(program, SYS_prlimit64, own, 1);
    check_descriptors(program);
    check_ones(program, SYS_ioctl, 1, questions, sizeof questions / sizeof *questions);
    check_ones(program, SYS_prctl, 0, options, sizeof options / sizeof *options);
    for (int index = 0; index < REFUSALS; index++) answer(program, refusals[index].call, TRAP);
    emit(program, GIVE, NOT_THERE, 0, 0);
}

static void make_steps(struct program *program) {
    const uint32_t spaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
    program->count = 0;
    check_architecture(program);
    for (int index = 0; index < ALLOWED; index++) answer(program, allowed[index], ALLOW);
    for (int index = 0; index < WIDER; index++) answer(program, wider[index], ALLOW);
    begin(program, SYS_clone);
    load(program, 0);
    when_any_set(program, spaces, NOT_PERMITTED);
    end(program, ALLOW);
    answer(program, SYS_clone3, NOT_THERE);
    for (int index = 0; index < REFUSALS; index++) answer(program, refusals[index].call, NOT_PERMITTED);
    emit(program, GIVE, NOT_THERE, 0, 0);
}

int flow_confine_seccomp(void) {
    uint32_t action = SECCOMP_RET_TRAP;
    return FLOW_AUDIT_ARCH != 0 && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int flow_filter_evaluation(pid_t own, struct flow_filter_start start) {
    if (!flow_confine_seccomp()) return errno = ENOSYS, -1;
    struct program program;
    make_evaluation(&program, (uint32_t)own, start);
    struct sock_fprog filter = {(unsigned short)program.count, program.code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

int flow_filter_steps(void) {
    if (!flow_confine_seccomp()) return errno = ENOSYS, -1;
    struct program program;
    make_steps(&program);
    struct sock_fprog filter = {(unsigned short)program.count, program.code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) return 0;
    // Without root, and without a user namespace of its own: `sudo` does not work below it then.
    if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}
