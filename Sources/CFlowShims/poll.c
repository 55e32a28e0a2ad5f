// Linux's epoll and pipe2, which Swift's Glibc module does not have.

#define _GNU_SOURCE
#include "include/spawn_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

int flow_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? errno : 0; }

int flow_poll_make(void) { return epoll_create1(EPOLL_CLOEXEC); }

int flow_poll_change(int poll, int descriptor, enum flow_poll_change change, uint64_t token) {
    struct epoll_event event = {.events = EPOLLONESHOT, .data.u64 = token};
    if (change == FLOW_POLL_ARM_READABLE) event.events |= EPOLLIN;
    if (change == FLOW_POLL_ARM_WRITABLE) event.events |= EPOLLOUT;
    int operation = change == FLOW_POLL_ADD ? EPOLL_CTL_ADD : change == FLOW_POLL_REMOVE ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return epoll_ctl(poll, operation, descriptor, &event) < 0 ? errno : 0;
}

int flow_poll_wait(int poll, uint64_t *tokens, int capacity) {
    struct epoll_event events[128];
    int count = epoll_wait(poll, events, capacity < 128 ? capacity : 128, -1);
    for (int index = 0; index < count; index++) tokens[index] = events[index].data.u64;
    return count < 0 ? 0 : count;
}
