#define _GNU_SOURCE
#include "include/system_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

static void copy_facts(const struct stat *status, flow_file_facts *facts) {
    facts->mode = status->st_mode;
    facts->owner = status->st_uid;
    facts->size = status->st_size;
    facts->node = status->st_ino;
    facts->modified = (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

int flow_facts_of_path(const char *path, flow_file_facts *facts) {
    struct stat status;
    if (stat(path, &status) != 0) return errno;
    copy_facts(&status, facts);
    return 0;
}

int flow_facts_of_descriptor(int descriptor, flow_file_facts *facts) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return errno;
    copy_facts(&status, facts);
    return 0;
}

int flow_identity_of_path(const char *path, uint64_t *device, uint64_t *node) {
    struct statx status;
    if (statx(AT_FDCWD, path, 0, STATX_INO, &status) != 0) return errno;
    *device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
    *node = status.stx_ino;
    return 0;
}

int64_t flow_free_bytes(const char *path) {
    struct statvfs status;
    if (statvfs(path, &status) != 0) return -1;
    return (int64_t)status.f_bavail * (int64_t)status.f_frsize;
}

int flow_user_name(uint32_t user, char *name, size_t size) {
    struct passwd entry, *found = NULL;
    char buffer[16384];
    if (getpwuid_r(user, &entry, buffer, sizeof buffer, &found) != 0 || !found) return 0;
    size_t length = strlen(entry.pw_name);
    if (length == 0 || length >= size) return 0;
    memcpy(name, entry.pw_name, length + 1);
    return 1;
}

int flow_user_ids(const char *name, uint32_t *user, uint32_t *group) {
    struct passwd entry, *found = NULL;
    char buffer[16384];
    if (getpwnam_r(name, &entry, buffer, sizeof buffer, &found) != 0 || !found) return 0;
    *user = entry.pw_uid;
    *group = entry.pw_gid;
    return 1;
}

int flow_user_home(uint32_t user, char *home, size_t size) {
    struct passwd entry, *found = NULL;
    char buffer[16384];
    if (getpwuid_r(user, &entry, buffer, sizeof buffer, &found) != 0 || !found) return 0;
    size_t length = strlen(entry.pw_dir);
    if (length == 0 || length >= size) return 0;
    memcpy(home, entry.pw_dir, length + 1);
    return 1;
}

int64_t flow_wall_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t flow_elapsed_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

double flow_cpu_seconds(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int flow_bytes_to_read(int descriptor, int *count) {
    return ioctl(descriptor, FIONREAD, count) == 0 ? 0 : errno;
}

int flow_terminal_size(int descriptor, int *columns, int *rows) {
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return 0;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 1;
}
