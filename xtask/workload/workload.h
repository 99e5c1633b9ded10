/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark's program inside the guest, where it is init: it brings the
 * network up, fills the time in which nothing is to be done, does one kind of
 * work against the peer, and marks where what is measured begins and ends.
 * What goes wrong is said on the console; then it ends, and so the machine.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <netinet/in.h>
#include <stddef.h>

/*
 * marks.c: places in the code that the counter knows. From mark_ready on the
 * guest's clock and the peer's go in step; between mark_begin and mark_end is
 * what is measured.
 */
void mark_ready(void);
void mark_begin(void);
void mark_end(void);

/* spin.c: a process of the lowest priority takes what time is left over. */
void spin_in_background(void);

/* network.c: the interface, and sockets as all work needs them. */
void network_up(const char *interface, const char *address);
void offloads_off(const char *interface);
long must(const char *what, long result);
struct sockaddr_in address_of(const char *dotted, int port);
int stream_socket(void);
int dial(const char *peer, int port);

/* Each returns when its work is done. Sizes and lengths are in bytes. */
void stream_receive(const char *peer, int port, long warm_up, long bytes);
void stream_send(const char *peer, int port, long warm_up, long bytes);
void stream_exchange(const char *peer, int port, long rounds, size_t size);
void connections_made(const char *peer, int port, long count);
void connections_taken(const char *peer, int port, long count);
void connections_idle(const char *peer, int port, long count);
void datagrams_send(const char *peer, int port, long count, size_t size);
void datagrams_receive(const char *peer, int port, long count, size_t size);

#endif
