#pragma once

#include <signal.h>
#include <sys/types.h>

/// What a keeper is told to end everything with.
#define FLOW_KEEPER_END SIGTERM

/// Whose end ends all, beside that of the program.
enum flow_keeper_bond {
    /// That of the thread that started it.
    FLOW_KEEPER_THREAD,
    /// That of the process that started it.
    FLOW_KEEPER_PROCESS,
    /// Nobody's: who started it may go and come back.
    FLOW_KEEPER_NOBODY,
};

/// Makes this process, a fresh fork of `parent`, the keeper of a new process: everything that is started below it is ended when that one
/// ends (but see `flow_keeper_keep`), when the one that `bond` names has gone however it went, or on `FLOW_KEEPER_END`. 0 in the new process, its number in the keeper,
/// -1 with errno. All signals must be blocked.
pid_t flow_keeper_fork(pid_t parent, enum flow_keeper_bond bond);

/// Watches over the program, ends what is left below, and then ends in the way that the program did. What is left by one that exits with
/// status 0 goes on if `leaves` says so.
_Noreturn void flow_keeper_keep(pid_t program, pid_t parent, enum flow_keeper_bond bond, int leaves);

/// In the program, before it starts: should its keeper be killed, it is too. Again after an account was taken, which undoes it. -1 with
/// errno: it was killed already.
int flow_keeper_follow(pid_t keeper);
