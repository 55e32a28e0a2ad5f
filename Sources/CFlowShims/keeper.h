#pragma once

#include <signal.h>
#include <sys/types.h>

/// What a keeper is told to end everything with.
#define FLOW_KEEPER_END SIGTERM

/// Makes this process, a fresh fork of `parent`, the keeper of a new process: everything that is started below it is ended when that one
/// ends, when `parent`'s thread has gone however it went, or on `FLOW_KEEPER_END`. 0 in the new process, its number in the keeper, -1
/// with errno. All signals must be blocked.
pid_t flow_keeper_fork(pid_t parent);

/// Watches over the program, ends what is left below, and then ends in the way that the program did.
_Noreturn void flow_keeper_keep(pid_t program);
