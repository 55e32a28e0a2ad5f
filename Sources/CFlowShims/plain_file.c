#define _GNU_SOURCE
#include "include/plain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG: return "a file";
    case S_IFDIR: return "a directory";
    case S_IFIFO: return "a pipe";
    case S_IFSOCK: return "a socket";
    case S_IFLNK: return "a link";
    default: return "a device";
    }
}

int flow_open_plain(const char *path, int flags, uint32_t mode, const char **other) {
    struct stat status;
    *other = NULL;
    // Looked at before: to open a device can have an effect of its own.
    if ((flags & O_NOFOLLOW ? lstat : stat)(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        *other = kind(status.st_mode);
        errno = EINVAL;
        return -1;
    }
    // And behind it: it may have been replaced in between.
    int file = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, (mode_t)mode);
    if (file < 0) return -1;
    if (fstat(file, &status) != 0) {
        int error = errno;
        close(file);
        errno = error;
        return -1;
    }
    if (S_ISREG(status.st_mode)) return file;
    close(file);
    *other = kind(status.st_mode);
    errno = EINVAL;
    return -1;
}

const char *flow_kind_at(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 ? kind(status.st_mode) : NULL;
}
