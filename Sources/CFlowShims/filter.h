#pragma once

#include <sys/types.h>

/// What starts the program: the only call of `execve` that the filter lets through. Their addresses are those of the starter's memory,
/// which the program does not know.
struct flow_filter_start { const void *path, *argv, *envp; };

/// Lets this process, whose number is `own`, do from now on only what evaluating a flow file takes. 0, or -1 with errno: ENOSYS where
/// system calls cannot be filtered, or their numbers are not known on this architecture.
int flow_filter_evaluation(pid_t own, struct flow_filter_start start);

/// Lets this process, and what it starts, do from now on what Swift steps may. By bare system calls, for a child that shares the memory
/// of its parent. Likewise.
int flow_filter_steps(void);
