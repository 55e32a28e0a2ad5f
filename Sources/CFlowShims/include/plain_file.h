#pragma once
#include <stdint.h>

// Files that somebody may have replaced by something else: a pipe that nobody writes to is waited for without end, a device is read
// without end, and both in silence.

/// Opens `path` as open(2) does with `flags` and `mode`, if it is a plain file, and never waits. What else has the name is not opened:
/// then `other` gets in words what it is (`a pipe`), and errno is EINVAL; otherwise `other` is NULL. Returns a descriptor that programs
/// do not inherit, or -1 with errno.
int flow_open_plain(const char *path, int flags, uint32_t mode, const char **other);
/// What stands at `path` itself, in words (`a file`, `a directory`, `a socket`, `a link`); NULL when nothing does.
const char *flow_kind_at(const char *path);
