// Linux's epoll, pipe2 and messages with descriptors, which Swift's Glibc module does not have.

#define _GNU_SOURCE
#include "include/spawn_shim.h"
#include "include/descriptor_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int unless_reserved(const int ends[2]) {
    if (!flow_is_reserved(ends[0]) && !flow_is_reserved(ends[1])) return 0;
    close(ends[0]);
    close(ends[1]);
    return EMFILE;
}

int flow_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? errno : unless_reserved(ends); }

int flow_connection(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ? errno : unless_reserved(ends);
}

ssize_t flow_send(int connection, const void *bytes, size_t count, int descriptor) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof descriptor)];
    } control = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return sendmsg(connection, &message, MSG_NOSIGNAL);
}

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
