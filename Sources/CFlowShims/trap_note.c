#define _GNU_SOURCE
#include "include/trap_note.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// A shared mapping of a small file: what is written to it outlives the process without a system call, and `kill -9` leaves it
// without a mark. Layout: byte 0 the mark, bytes 8..43 the id.
enum { note_size = 4096, mark_at = 0, id_at = 8, id_length = 36 };

static volatile char *note;

static void on_trap(int number) {
    if (note && note[id_at]) note[mark_at] = 'T';
    // SA_RESETHAND put the default action back: the process ends the way it would have ended.
    raise(number);
}

int flow_trap_note_open(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return errno;
    if (ftruncate(file, note_size) != 0) {
        int error = errno;
        close(file);
        return error;
    }
    void *memory = mmap(NULL, note_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    int error = errno;
    close(file);
    if (memory == MAP_FAILED) return error;
    note = memory;

    struct sigaction action = { .sa_handler = on_trap, .sa_flags = SA_RESETHAND | SA_ONSTACK };
    sigemptyset(&action.sa_mask);
    const int traps[] = { SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE };
    for (unsigned i = 0; i < sizeof traps / sizeof *traps; i++) sigaction(traps[i], &action, NULL);
    return 0;
}

void flow_trap_note_set(const char *id) {
    static _Thread_local int has_stack;
    if (!note) return;
    if (!has_stack) {
        has_stack = 1;
        // Never freed: one for each writer thread, which lives as long as the engine.
        stack_t stack = { .ss_size = 64 << 10, .ss_sp = malloc(64 << 10) };
        if (stack.ss_sp) sigaltstack(&stack, NULL);
    }
    if (id) memcpy((char *)note + id_at, id, id_length);
    else note[id_at] = 0;
}

int flow_trap_note_take(char *id) {
    if (!note) return 0;
    int trapped = note[mark_at] == 'T' && note[id_at];
    if (trapped) {
        memcpy(id, (const char *)note + id_at, id_length);
        id[id_length] = 0;
    }
    memset((char *)note, 0, id_at + id_length + 1);
    return trapped;
}
