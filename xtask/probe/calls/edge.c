// SPDX-License-Identifier: GPL-2.0-only
/* Which events are an edge: what epoll reports, once, when something changes. */
#define _GNU_SOURCE
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "calls.h"

#define ALL (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define SOON 100	/* milliseconds: long enough for loopback */

static char bytes[65536];

static int watch(int fd)
{
	struct epoll_event event = { .events = ALL };
	int epoll = epoll_create1(0);

	must("epoll_create1", epoll);
	must("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	return epoll;
}

static void edge(const char *what, int epoll)
{
	struct epoll_event event = { 0 };
	int count;

	settle();
	count = epoll_wait(epoll, &event, 1, SOON);
	must("epoll_wait", count);
	note_events(what, count ? event.events : 0);
}

/* A connected pair of which .fd is watched, its first events taken. */
static int watched_pair(struct ends *ends)
{
	int epoll;

	connected_pair(ends);
	set_nonblocking(ends->fd);
	epoll = watch(ends->fd);
	edge("at first", epoll);
	edge("nothing new", epoll);
	return epoll;
}

static void data(void)
{
	struct ends ends;
	int epoll = watched_pair(&ends);

	send(ends.peer, "abc", 3, 0);
	edge("data", epoll);
	edge("no more", epoll);
	send(ends.peer, "def", 3, 0);
	edge("more data, the first unread", epoll);
	CALL(recv(ends.fd, bytes, 2, 0));
	edge("read in part", epoll);
	CALL(recv(ends.fd, bytes, sizeof(bytes), 0));
	edge("read to the end", epoll);
	send(ends.peer, "ghi", 3, 0);
	edge("data again", epoll);
}

static void peer_shut(void)
{
	struct ends ends;
	int epoll = watched_pair(&ends);

	shutdown(ends.peer, SHUT_WR);
	edge("the peer has shut", epoll);
	CALL(recv(ends.fd, bytes, sizeof(bytes), 0));
	edge("the end is read", epoll);
	CALL(send(ends.fd, "x", 1, 0));
	edge("and sent", epoll);
	close(ends.peer);
	edge("the peer has closed", epoll);
}

static void peer_closed(void)
{
	struct ends ends;
	int epoll = watched_pair(&ends);

	close(ends.peer);
	edge("the peer has closed", epoll);
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
	edge("it answers with a reset", epoll);
	CALL(get_int(ends.fd, SOL_SOCKET, SO_ERROR));
	edge("the error is taken", epoll);
}

static void own_shutdown(void)
{
	struct ends ends;
	int epoll = watched_pair(&ends);

	CALL(shutdown(ends.fd, SHUT_RD));
	edge("reading is shut", epoll);
	CALL(shutdown(ends.fd, SHUT_WR));
	edge("writing is shut", epoll);
	shutdown(ends.peer, SHUT_WR);
	edge("the peer has shut", epoll);
}

static void reset(void)
{
	struct ends ends;
	int epoll = watched_pair(&ends);

	reset_on_close(ends.peer);
	close(ends.peer);
	edge("reset", epoll);
	CALL(recv(ends.fd, bytes, 1, 0));
	edge("the error is taken", epoll);
}

static void urgent(void)
{
	struct ends ends;
	int epoll = watched_pair(&ends);

	send(ends.peer, "U", 1, MSG_OOB);
	edge("urgent data", epoll);
	CALL(recv(ends.fd, bytes, 1, MSG_OOB));
	edge("it is taken", epoll);
}

static void room(void)
{
	struct epoll_event event;
	struct ends ends;
	int epoll = watched_pair(&ends);

	/* While the buffers grow there may be edges of room. */
	fill_up(ends.fd);
	while (epoll_wait(epoll, &event, 1, SOON) > 0)
		fill_up(ends.fd);
	set_nonblocking(ends.peer);
	for (int i = 0; i < 100; i++) {
		while (recv(ends.peer, bytes, sizeof(bytes), 0) > 0)
			;
		if (poll_one(ends.fd, POLLOUT, 10))
			break;
	}
	edge("room again", epoll);
	edge("nothing new", epoll);
}

static void listener(void)
{
	struct sockaddr_in address;
	int fd = listen_on("127.0.0.1", 4, &address), epoll = watch(fd);

	edge("nobody", epoll);
	CALL(connect(stream_socket(), (struct sockaddr *)&address, sizeof(address)));
	edge("one waits", epoll);
	edge("still", epoll);
	CALL(connect(stream_socket(), (struct sockaddr *)&address, sizeof(address)));
	edge("another", epoll);
	CALL(accept(fd, NULL, NULL) >= 0);
	edge("one accepted", epoll);
	CALL(accept(fd, NULL, NULL) >= 0);
	edge("all accepted", epoll);
	CALL(shutdown(fd, SHUT_RD));
	edge("shut", epoll);
}

static void connecting(void)
{
	struct sockaddr_in nobody = closed_port(), address;
	int listening = listen_on("127.0.0.1", 4, &address), fd = stream_socket(), epoll = watch(fd);

	set_nonblocking(fd);
	edge("fresh", epoll);
	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	edge("refused", epoll);
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
	edge("told", epoll);
	connect(fd, (struct sockaddr *)&address, sizeof(address));
	connect(fd, (struct sockaddr *)&address, sizeof(address));
	edge("connected", epoll);
	close(listening);
	edge("the listener is gone", epoll);
}

static void datagram(void)
{
	struct ends ends;
	int epoll;

	datagram_pair(&ends);
	set_nonblocking(ends.fd);
	epoll = watch(ends.fd);
	edge("at first", epoll);
	send(ends.peer, "a", 1, 0);
	edge("one", epoll);
	send(ends.peer, "b", 1, 0);
	edge("two", epoll);
	CALL(recv(ends.fd, bytes, sizeof(bytes), 0));
	edge("one is read", epoll);
	CALL(recv(ends.fd, bytes, sizeof(bytes), 0));
	edge("both are read", epoll);
	send(ends.peer, "", 0, 0);
	edge("an empty one", epoll);
}

static void datagram_refused(void)
{
	struct sockaddr_in nobody = closed_port();
	int fd = datagram_socket(), epoll;

	must("connect", connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	epoll = watch(fd);
	edge("at first", epoll);
	CALL(send(fd, "x", 1, 0));
	edge("refused", epoll);
	CALL(send(fd, "x", 1, 0));
	edge("told", epoll);
	CALL(send(fd, "x", 1, 0));
	edge("refused again", epoll);
}

/* A descriptor that is closed leaves every set that it was in. */
static void closed(void)
{
	struct ends ends;
	int epoll = watched_pair(&ends);

	close(ends.fd);
	send(ends.peer, "x", 1, MSG_NOSIGNAL);
	edge("closed", epoll);
}

/* Of two waiters for one connection, one is woken when they say so. */
static void exclusive(void)
{
	struct sockaddr_in address;
	int fd = listen_on("127.0.0.1", 4, &address);
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLET };
	int first = epoll_create1(0), second = epoll_create1(0);

	CALL(epoll_ctl(first, EPOLL_CTL_ADD, fd, &event));
	CALL(epoll_ctl(second, EPOLL_CTL_ADD, fd, &event));
	CALL(connect(stream_socket(), (struct sockaddr *)&address, sizeof(address)));
	edge("the first", first);
	edge("the second", second);
}

const struct call_case edge_cases[] = {
	{ "data", data }, { "peer-shut", peer_shut }, { "peer-closed", peer_closed },
	{ "own-shutdown", own_shutdown }, { "reset", reset }, { "urgent", urgent }, { "room", room },
	{ "listener", listener }, { "connecting", connecting }, { "datagram", datagram },
	{ "datagram-refused", datagram_refused }, { "closed", closed }, { "exclusive", exclusive },
	{ 0 },
};
