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

/* SO_RCVLOWAT beyond what the buffer takes: poll does not wait for what cannot come. */
static void low_water_mark(void)
{
	static const char chunk[4096];
	int mark = 1 << 20, buffer = 8192, limit = 0, sent = 0;
	struct sockaddr_in bound;
	int listener = listen_on("127.0.0.1", 1, &bound);
	int client = stream_socket(), served;
	socklen_t len = sizeof(limit);

	must("mark-buffer", setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)));
	must("mark-connect", connect(client, (struct sockaddr *)&bound, sizeof(bound)));
	served = accept(listener, NULL, NULL);
	must("mark-accept", served);
	must("mark-set", setsockopt(served, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)));
	must("mark-get", getsockopt(served, SOL_SOCKET, SO_RCVLOWAT, &limit, &len));
	check_number("mark-limit", limit, buffer);
	check_number("mark-one-byte", write(client, chunk, 1), 1);
	check_number("mark-below", poll_one(served, POLLIN, 100), 0);
	set_nonblocking(client);
	while (!poll_one(served, POLLIN, 0) && sent < 64 * 1024) {
		ssize_t count = write(client, chunk, sizeof(chunk));

		if (count <= 0)
			break;
		sent += count;
	}
	check_number("mark-full", poll_one(served, POLLIN, LIMIT), POLLIN);
	close(client);
	close(served);
	close(listener);
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

	low_water_mark();
}
