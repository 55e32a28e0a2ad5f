// Tries what a flow file must not be able to do while it is evaluated. Started confined as such a program is:
//
//     refused-calls all VICTIM   makes every call of the table, aimed at process VICTIM where it takes one; the names of those that were
//                                not refused go to standard output, and the count of those tried
//     refused-calls steps        the same with those that Swift steps may not make, either
//     refused-calls NAME         one that ends the process
//
// Refused is what raises SIGSYS, or fails with EPERM or ENOSYS. The arguments are such that a call that is let through fails with
// something else, or does something that can be seen.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t trapped;
static void note(int number) { trapped = number; }

static int tried, let_through;
static void try(const char *name, long call, long a, long b, long c, long d, long e, long f) {
    trapped = 0;
    errno = 0;
    long result = syscall(call, a, b, c, d, e, f);
    int error = errno;
    tried++;
    if (trapped || (result == -1 && (error == EPERM || error == ENOSYS))) return;
    let_through++;
    printf("%s: %ld, %s\n", name, result, strerror(error));
    fflush(stdout);
}
#define TRY6(name, call, a, b, c, d, e, f) try(name, call, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define TRY(name, a, b, c, d, e) TRY6(#name, SYS_##name, a, b, c, d, e, 0)

static char was_here[] = "flow-was-here";
static const char *file = "/tmp/flow-was-here";
static long nothing[64];

static void try_signals(pid_t victim) {
    siginfo_t info = {.si_signo = SIGKILL, .si_code = SI_QUEUE};
    TRY(kill, victim, SIGKILL, 0, 0, 0);
    TRY6("kill of all", SYS_kill, -1, SIGKILL, 0, 0, 0, 0);
    TRY6("kill of a group", SYS_kill, -victim, SIGKILL, 0, 0, 0, 0);
    TRY(tkill, victim, SIGKILL, 0, 0, 0);
    TRY(tgkill, victim, victim, SIGKILL, 0, 0);
    TRY(rt_sigqueueinfo, victim, SIGKILL, &info, 0, 0);
    TRY(rt_tgsigqueueinfo, victim, victim, SIGKILL, &info, 0);
    TRY(pidfd_open, victim, 0, 0, 0, 0);
    TRY(pidfd_send_signal, -1, SIGKILL, 0, 0, 0);
    int ends[2];
    if (pipe(ends) < 0) exit(71);
    TRY6("F_SETOWN", SYS_fcntl, ends[0], F_SETOWN, victim, 0, 0, 0);
    struct f_owner_ex owner = {F_OWNER_PID, victim};
    TRY6("F_SETOWN_EX", SYS_fcntl, ends[0], F_SETOWN_EX, &owner, 0, 0, 0);
    TRY6("F_SETSIG", SYS_fcntl, ends[0], F_SETSIG, SIGKILL, 0, 0, 0);
    TRY6("O_ASYNC", SYS_fcntl, ends[0], F_SETFL, O_ASYNC, 0, 0, 0);
    TRY6("O_ASYNC among others", SYS_fcntl, ends[0], F_SETFL, O_NONBLOCK | O_ASYNC, 0, 0, 0);
    int on = 1;
    TRY6("FIOASYNC", SYS_ioctl, ends[0], FIOASYNC, &on, 0, 0, 0);
    TRY6("FIOSETOWN", SYS_ioctl, ends[0], 0x8901, &victim, 0, 0, 0);
    TRY6("F_NOTIFY", SYS_fcntl, ends[0], F_NOTIFY, 1, 0, 0, 0);
    TRY6("F_SETLEASE", SYS_fcntl, ends[0], F_SETLEASE, F_RDLCK, 0, 0, 0);
    // This is what the victim would have been ended with.
    if (write(ends[1], "x", 1) != 1) exit(71);
}

static void try_processes(pid_t victim) {
    struct rlimit low = {3, 3};
    struct sched_param first = {1}, plain = {0};
    unsigned long mask = 1;
    TRY(prlimit64, victim, RLIMIT_NOFILE, &low, 0, 0);
    TRY6("prlimit64, asking", SYS_prlimit64, victim, RLIMIT_NOFILE, 0, nothing, 0, 0);
    TRY(setpriority, PRIO_PROCESS, victim, 19, 0, 0);
    TRY(ioprio_set, 1, victim, 3 << 13, 0, 0);
    TRY(sched_setscheduler, victim, SCHED_BATCH, &plain, 0, 0);
    TRY6("real-time priority", SYS_sched_setscheduler, 0, SCHED_FIFO, &first, 0, 0, 0);
    TRY(sched_setparam, 0, &plain, 0, 0, 0);
    TRY(sched_setattr, victim, nothing, 0, 0, 0);
    TRY(sched_setaffinity, victim, sizeof mask, &mask, 0, 0);
    TRY(setpgid, 0, 0, 0, 0, 0);
    TRY(setsid, 0, 0, 0, 0, 0);
    char *const words[] = {"true", NULL};
    TRY(execve, "/bin/true", words, words + 1, 0, 0);
    TRY(execveat, AT_FDCWD, "/bin/true", words, words + 1, 0);
    TRY6("clone without a thread", SYS_clone, CLONE_VM | CLONE_VFORK | 0x80000000, 0, 0, 0, 0, 0);
    TRY6("outliving the loader", SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0, 0);
    TRY6("taking in processes", SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0);
    TRY6("being debugged", SYS_prctl, PR_SET_PTRACER, -1, 0, 0, 0, 0);
}

// Nor may Swift steps.
static void try_memory(pid_t victim) {
    TRY(ptrace, 0x4206, victim, 0, 0, 0);
    TRY(process_vm_readv, victim, 0, 0, 0, 0);
    TRY(process_vm_writev, victim, 0, 0, 0, 0);
    TRY(process_madvise, -1, 0, 0, 0, 0);
    TRY(pidfd_getfd, -1, 0, 0, 0, 0);
    TRY(kcmp, victim, victim, 0, 0, 0);
    TRY(move_pages, victim, 0, 0, 0, 0);
    TRY(migrate_pages, victim, 0, 0, 0, 0);
    TRY(open_by_handle_at, -1, nothing, 0, 0, 0);
    TRY(clone3, nothing, 0, 0, 0, 0);
    TRY6("clone into namespaces", SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | CLONE_THREAD, 0, 0, 0, 0, 0);
}

// Nor may they make these.
static void try_kernel(void) {
    long zeros[64] = {0};
    TRY(mount_setattr, -1, "", 0, zeros, 32);
    TRY(mount, "none", "/", "tmpfs", 0x80000000, 0);
    TRY(umount2, "/nothing", 0, 0, 0, 0);
    TRY(open_tree, AT_FDCWD, "/nothing", 0, 0, 0);
    TRY(move_mount, -1, "", -1, "", 0);
    TRY(fsopen, "nothing", 0, 0, 0, 0);
    TRY(pivot_root, "/nothing", "/nothing", 0, 0, 0);
    TRY(chroot, "/nothing", 0, 0, 0, 0);
    TRY(unshare, 0x80000000 | CLONE_FS, 0, 0, 0, 0);
    TRY(setns, -1, 0, 0, 0, 0);
    TRY(adjtimex, zeros, 0, 0, 0, 0);
    TRY(clock_adjtime, 0, zeros, 0, 0, 0);
    TRY(clock_settime, 99, zeros, 0, 0, 0);
    TRY(settimeofday, 0, 1, 0, 0, 0);
    TRY(sethostname, was_here, -1, 0, 0, 0);
    TRY(setdomainname, was_here, sizeof was_here - 1, 0, 0, 0);
    TRY(fanotify_init, 0, 0, 0, 0, 0);
    TRY(bpf, 0, zeros, 0, 0, 0);
    TRY(perf_event_open, zeros, 0, -1, -1, 0);
    TRY(userfaultfd, 0, 0, 0, 0, 0);
    TRY(io_uring_setup, 1, zeros, 0, 0, 0);
    TRY(keyctl, 0, -1, 0, 0, 0);
    TRY(add_key, "user", was_here, "x", 1, -2);
    TRY(request_key, "user", was_here, 0, 0, 0);
    TRY(init_module, 0, 0, 0, 0, 0);
    TRY(finit_module, -1, "", 0, 0, 0);
    TRY(delete_module, "nothing", 0, 0, 0, 0);
    TRY(kexec_load, 0, 99, 0, 0, 0);
    TRY(reboot, 0, 0, 0, 0, 0);
    TRY(swapon, "/nothing", 0, 0, 0, 0);
    TRY(swapoff, "/nothing", 0, 0, 0, 0);
    TRY(acct, "/nothing", 0, 0, 0, 0);
    TRY(syslog, 10, 0, 0, 0, 0);
    TRY(quotactl, 0, 0, 0, 0, 0);
    TRY6("memfd_secret", 447, 0, 0, 0, 0, 0, 0);
    TRY6("a call that no kernel has", 4000, 0, 0, 0, 0, 0, 0);
#if defined(__x86_64__)
    TRY(iopl, 0, 0, 0, 0, 0);
    TRY(ioperm, 0, 1, 0, 0, 0);
    TRY(modify_ldt, 0, zeros, 8, 0, 0);
    TRY(uselib, "/nothing", 0, 0, 0, 0);
#endif
}

static void try_machine(void) {
    long zeros[64] = {0};
    TRY(shmget, 0x464c4f57, 4096, 01600, 0, 0);
    TRY(msgget, 0x464c4f57, 01600, 0, 0, 0);
    TRY(semget, 0x464c4f57, 1, 01600, 0, 0);
    TRY(mq_open, was_here, O_CREAT | O_RDWR, 0600, 0, 0);
    TRY(inotify_init1, 0, 0, 0, 0, 0);
    TRY(personality, 0xffffffff, 0, 0, 0, 0);
    TRY(setresuid, -1, -1, -1, 0, 0);
    TRY(setresgid, -1, -1, -1, 0, 0);
    TRY(setgroups, 0, 0, 0, 0, 0);
    TRY(capset, 0, 0, 0, 0, 0);
    TRY(mlockall, 2, 0, 0, 0, 0);
    TRY(timer_create, 0, 0, zeros, 0, 0);
}

static void try_files(void) {
    TRY(socket, 2, 1, 0, 0, 0);
    TRY(socketpair, 1, 1, 0, nothing, 0);
    TRY(connect, 1, nothing, 16, 0, 0);
    TRY(bind, 1, nothing, 16, 0, 0);
    TRY(sendto, 1, "x", 1, 0, 0);
    TRY6("opened for writing", SYS_openat, AT_FDCWD, file, O_WRONLY, 0, 0, 0);
    TRY6("opened and made", SYS_openat, AT_FDCWD, file, O_CREAT, 0600, 0, 0);
    TRY(openat2, AT_FDCWD, file, nothing, 24, 0);
    TRY(mkdirat, AT_FDCWD, file, 0700, 0, 0);
    TRY(unlinkat, AT_FDCWD, "/nothing", 0, 0, 0);
    TRY(renameat2, AT_FDCWD, "/nothing", AT_FDCWD, file, 0);
    TRY(linkat, AT_FDCWD, "/nothing", AT_FDCWD, file, 0);
    TRY(symlinkat, "/nothing", AT_FDCWD, file, 0, 0);
    TRY(mknodat, AT_FDCWD, file, 0100600, 0, 0);
    TRY(fchmodat, AT_FDCWD, "/nothing", 0, 0, 0);
    TRY(fchownat, AT_FDCWD, "/nothing", 0, 0, 0);
    TRY(fchmod, 1, 0600, 0, 0, 0);
    TRY(fchown, 1, -1, -1, 0, 0);
    TRY(truncate, "/nothing", 0, 0, 0, 0);
    TRY(utimensat, AT_FDCWD, "/nothing", 0, 0, 0);
    TRY(setxattr, "/nothing", "user.x", "x", 1, 0);
    TRY(fsetxattr, 1, "user.x", "x", 1, 0);
    TRY(memfd_create, was_here, 0, 0, 0, 0);
    TRY(name_to_handle_at, AT_FDCWD, "/", nothing, nothing, 0);
    TRY(flock, 1, 0, 0, 0, 0);
    TRY(copy_file_range, -1, 0, -1, 0, 0);
    TRY6("typing at the terminal", SYS_ioctl, 1, TIOCSTI, "x", 0, 0, 0);
}

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "";
    if (strcmp(what, "new-process") == 0) return fork() < 0 ? 1 : 0;
#if defined(__x86_64__)
    if (strcmp(what, "x32") == 0) return syscall(0x40000000 | SYS_getpid) < 0;
    if (strcmp(what, "i386") == 0) {
        long result;
        // getpid, by the number that it has there.
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
        return result < 0;
    }
#endif
    struct sigaction action = {.sa_handler = note};
    sigaction(SIGSYS, &action, NULL);
    if (strcmp(what, "steps") == 0) {
        try_kernel();
        try_memory(getppid());
        printf("%d tried\n", tried);
        return let_through > 0;
    }
    if (strcmp(what, "all") != 0 || count != 3) return 64;
    pid_t victim = atoi(words[2]);
    try_signals(victim);
    try_processes(victim);
    try_memory(victim);
    try_kernel();
    try_machine();
    try_files();
    printf("%d tried\n", tried);
    return let_through > 0;
}
