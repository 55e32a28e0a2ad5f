#define _GNU_SOURCE
#include "include/descriptor_limit.h"

#include <stdatomic.h>
#include <sys/resource.h>

// What this process was started with; 0: nothing was raised.
static _Atomic uint64_t given;
// The first number of the reserve.
static _Atomic uint64_t reserved = UINT64_MAX;

uint64_t flow_raise_descriptor_limit(uint64_t reserve) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
    uint64_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    // Refused only where the hard limit is above what the kernel allows: it stays as it is.
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) limit.rlim_cur = before;
    uint64_t none = 0;
    atomic_compare_exchange_strong(&given, &none, before);
    // A low limit leaves most of its numbers to work.
    uint64_t most = limit.rlim_cur / 4;
    atomic_store(&reserved, limit.rlim_cur - (reserve < most ? reserve : most));
    return limit.rlim_cur;
}

void flow_lower_descriptor_limit(void) {
    uint64_t before = atomic_load(&given);
    struct rlimit limit;
    if (before == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = before < limit.rlim_max ? before : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int flow_is_reserved(int descriptor) { return descriptor >= 0 && (uint64_t)descriptor >= atomic_load(&reserved); }
