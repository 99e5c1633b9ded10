// SPDX-License-Identifier: GPL-2.0-only
/* What poll and epoll say in each state of a connection, and calls that do not wait. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define ALL (POLLIN | POLLOUT | POLLRDHUP)
#define LIMIT 5000	/* milliseconds */

/* The events that one epoll_wait reports about one socket; 0 for none in time. */
static long wait_events(int epoll, int milliseconds)
{
	struct epoll_event event = { 0 };
	int count = epoll_wait(epoll, &event, 1, milliseconds);

	must("epoll-wait", count);
	return count ? (long)event.events : 0;
}

static int watch(int fd, unsigned int events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	int epoll = epoll_create1(0);

	must("epoll-create", epoll);
	must("epoll-add", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	return epoll;
}

void probe_readiness(const char *peer, int echo_port)
{
	char bytes[64];
	int level, edge, fd = stream_socket();

	check_number("unconnected-poll", poll_one(fd, ALL, 0), POLLOUT | POLLHUP);

	set_nonblocking(fd);
	check_errno("nonblocking-connect", connect_to(fd, peer, echo_port), EINPROGRESS);
	check_number("connected-poll", poll_one(fd, ALL, LIMIT), POLLOUT);
	check_errno("connected-so-error", socket_error(fd), 0);
	/* Linux reports the success of the first connect before EISCONN. */
	check_errno("connect-again", connect_to(fd, peer, echo_port), 0);
	check_errno("connect-when-connected", connect_to(fd, peer, echo_port), EISCONN);
	check_errno("read-nothing", read(fd, bytes, 1) < 0 ? errno : 0, EAGAIN);

	level = watch(fd, EPOLLIN);
	edge = watch(fd, EPOLLIN | EPOLLET);
	check_number("epoll-nothing", wait_events(level, 0), 0);

	check_number("write", write(fd, "twelve bytes", 12), 12);
	check_number("epoll-level", wait_events(level, LIMIT), EPOLLIN);
	check_number("epoll-level-again", wait_events(level, 0), EPOLLIN);
	check_number("epoll-edge", wait_events(edge, LIMIT), EPOLLIN);
	check_number("epoll-edge-again", wait_events(edge, 0), 0);
	check_number("peek", recv(fd, bytes, 5, MSG_PEEK), 5);
	check_number("read-part", read(fd, bytes, 5), 5);
	check_number("poll-rest", poll_one(fd, ALL, 0), POLLIN | POLLOUT);
	check_number("read-rest", read(fd, bytes, sizeof(bytes)), 7);
	check_number("poll-read", poll_one(fd, ALL, 0), POLLOUT);

	check_number("write-more", write(fd, "more", 4), 4);
	check_number("epoll-edge-more", wait_events(edge, LIMIT), EPOLLIN);
	check_number("read-more", read(fd, bytes, sizeof(bytes)), 4);

	check_number("shutdown", shutdown(fd, SHUT_WR), 0);
	check_errno("write-after", send(fd, "x", 1, MSG_NOSIGNAL) < 0 ? errno : 0, EPIPE);
	/* The echo server closes in turn. */
	poll_one(fd, POLLRDHUP, LIMIT);
	check_number("closed-poll", poll_one(fd, ALL, 0), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	check_number("closed-epoll", wait_events(level, LIMIT), EPOLLIN | EPOLLHUP);
	check_number("closed-read", read(fd, bytes, 1), 0);
	close(level);
	close(edge);
	close(fd);
}
