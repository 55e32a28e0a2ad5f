#pragma once
/* Sockets, addresses and the like stay Glibc's: without this line the types that libssh's headers pull in would count as this
   module's, and every file that uses them would have to import it. */
#pragma clang module import SwiftGlibc
#include <libssh/libssh.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>
/* What the loop that drives libssh waits with; Swift's Glibc leaves these two out. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
