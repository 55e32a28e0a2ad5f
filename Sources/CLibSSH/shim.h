#include <libssh/libssh.h>
#include <libssh/callbacks.h>
#include <libssh/server.h> /* ssh_send_keepalive */
/* What the loop that drives libssh waits with; Swift's Glibc module leaves these two out. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
