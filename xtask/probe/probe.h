/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smoke test's program inside the guest: small checks of the socket
 * interface, each reported as one line,
 *
 *	NAME ok
 *	NAME FAIL got GOT expected EXPECTED
 *
 * and the whole ended by "done CHECKS FAILURES".
 */
#ifndef PROBE_H
#define PROBE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* check.c: the lines. */
void check_number(const char *name, long got, long expected);
void check_errno(const char *name, int got, int expected);
void check_true(const char *name, bool holds, const char *got);
int check_summary(void);

/* sockets.c: sockets made and used as every check needs them. */
void must(const char *what, int result);
struct sockaddr_in address_of(const char *dotted, int port);
int stream_socket(void);
int datagram_socket(void);
int connect_to(int fd, const char *dotted, int port);
int listen_on(const char *dotted, int backlog, struct sockaddr_in *bound);
void set_nonblocking(int fd);
int socket_error(int fd);
int poll_one(int fd, short events, int milliseconds);
void fill(unsigned char *bytes, size_t len, unsigned int seed);

/* One file each: what is checked is at its head. */
void probe_errors(const char *peer, int closed_port, int reset_port);
void probe_timeouts(const char *silent, const char *absent);
void probe_readiness(const char *peer, int echo_port);
void probe_listen(void);
void probe_backlog(void);
void probe_datagrams(const char *peer, int echo_port);
void probe_loopback(const char *own);
void probe_steady(const char *peer, int echo_port, const char *stop);
void probe_module(const char *peer, int echo_port);
void probe_calls(char **arguments);
void probe_sequences(unsigned int first, int count, int length, const char *skipped);

#endif
