// SPDX-License-Identifier: GPL-2.0-only
/* The ends of a connection: shut in halves, closed with data in the way, reset, lingering. */
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

static char bytes[65536];
static struct ends ends;

static void take(int fd)
{
	long got = CALL(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT));

	if (got > 0)
		note_bytes("bytes", bytes, got);
}

static void halves(void)
{
	connected_pair(&ends);
	CALL(shutdown(ends.fd, SHUT_WR));
	settle();
	note_poll("peer", ends.peer);
	take(ends.peer);
	CALL(send(ends.peer, "still", 5, 0));
	settle();
	note_poll("own", ends.fd);
	take(ends.fd);
	CALL(shutdown(ends.peer, SHUT_WR));
	settle();
	note_poll("own, both shut", ends.fd);
	note_poll("peer, both shut", ends.peer);
	take(ends.fd);
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
	CALL(shutdown(ends.fd, SHUT_WR));
	CALL(shutdown(ends.fd, SHUT_RD));
	CALL(shutdown(ends.peer, SHUT_RDWR));
}

static void reading(void)
{
	connected_pair(&ends);
	send(ends.peer, "before", 6, 0);
	settle();
	CALL(shutdown(ends.fd, SHUT_RD));
	note_poll("own", ends.fd);
	take(ends.fd);
	take(ends.fd);
	CALL(send(ends.peer, "after", 5, 0));
	settle();
	note_poll("own", ends.fd);
	take(ends.fd);
	CALL(send(ends.fd, "out", 3, 0));
	settle();
	take(ends.peer);
	note_poll("peer", ends.peer);
}

static void twice(void)
{
	connected_pair(&ends);
	CALL(shutdown(ends.fd, SHUT_WR));
	CALL(shutdown(ends.fd, SHUT_WR));
	CALL(shutdown(ends.fd, SHUT_RDWR));
	CALL(shutdown(ends.fd, SHUT_RDWR));
	note_poll("own", ends.fd);
}

/* Closing with data unread is a reset (RFC 2525 section 2.17). */
static void close_unread(void)
{
	connected_pair(&ends);
	send(ends.fd, "unread", 6, 0);
	settle();
	close(ends.peer);
	settle();
	note_poll("own", ends.fd);
	take(ends.fd);
	take(ends.fd);
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
}

static void close_then_send(void)
{
	connected_pair(&ends);
	close(ends.peer);
	settle();
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
	settle();
	note_poll("own", ends.fd);
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
	CALL(get_int(ends.fd, SOL_SOCKET, SO_ERROR));
	take(ends.fd);
}

static void close_with_data_sent(void)
{
	connected_pair(&ends);
	send(ends.peer, "last words", 10, 0);
	close(ends.peer);
	settle();
	note_poll("own", ends.fd);
	take(ends.fd);
	take(ends.fd);
}

static void reset_with_data(void)
{
	connected_pair(&ends);
	send(ends.peer, "lost", 4, 0);
	settle();
	reset_on_close(ends.peer);
	close(ends.peer);
	settle();
	note_poll("own", ends.fd);
	take(ends.fd);
	take(ends.fd);
	take(ends.fd);
	CALL(get_int(ends.fd, SOL_SOCKET, SO_ERROR));
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
}

static void reset_then_send(void)
{
	connected_pair(&ends);
	reset_on_close(ends.peer);
	close(ends.peer);
	settle();
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
	take(ends.fd);
	note_poll("own", ends.fd);
}

static void reset_after_shut(void)
{
	connected_pair(&ends);
	shutdown(ends.fd, SHUT_WR);
	settle();
	reset_on_close(ends.peer);
	close(ends.peer);
	settle();
	note_poll("own", ends.fd);
	take(ends.fd);
	take(ends.fd);
}

/* SO_LINGER with time: close waits until all is acknowledged, here at once. */
static void linger(void)
{
	struct linger wait = { 1, 5 };
	time_t start = time(NULL);

	connected_pair(&ends);
	CALL(setsockopt(ends.fd, SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)));
	CALL(setsockopt(ends.fd, SOL_SOCKET, SO_LINGER, &wait, 4));
	CALL(send(ends.fd, "last", 4, 0));
	CALL(close(ends.fd));
	note("at once", time(NULL) - start < 2);
	take(ends.peer);
	take(ends.peer);
}

/* What nobody reads is not acknowledged when the window is shut: close gives up in time. */
static void linger_in_vain(void)
{
	struct linger wait = { 1, 1 };
	time_t start = time(NULL);

	connected_pair(&ends);
	setsockopt(ends.fd, SOL_SOCKET, SO_LINGER, &wait, sizeof(wait));
	fill_up(ends.fd);
	CALL(close(ends.fd));
	note("within three seconds", time(NULL) - start <= 3);
	note("there is more to read", recv(ends.peer, bytes, 1, MSG_DONTWAIT) == 1);
}

static void disconnect(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in name;
	socklen_t len = sizeof(name);

	connected_pair(&ends);
	CALL(connect(ends.fd, &none, sizeof(none)));
	settle();
	note_poll("own", ends.fd);
	note_poll("peer", ends.peer);
	take(ends.peer);
	CALL(getsockname(ends.fd, (struct sockaddr *)&name, &len));
	note_address("name", &name, false);
	CALL(getpeername(ends.fd, (struct sockaddr *)&name, &len));
	CALL(connect(ends.fd, (struct sockaddr *)&ends.address, sizeof(ends.address)));
	note_poll("own, connected again", ends.fd);
	CALL(send(ends.fd, "again", 5, 0));
}

static void queues(void)
{
	int queued = -1;

	connected_pair(&ends);
	send(ends.fd, "four", 4, 0);
	settle();
	CALL(ioctl(ends.peer, FIONREAD, &queued));
	note("to read", queued);
	CALL(ioctl(ends.fd, SIOCOUTQ, &queued));
	note("unacknowledged", queued);
	CALL(ioctl(ends.fd, SIOCOUTQNSD, &queued));
	note("unsent", queued);
	CALL(ioctl(ends.listener, FIONREAD, &queued));
	CALL(ioctl(ends.listener, SIOCOUTQ, &queued));
	shutdown(ends.fd, SHUT_WR);
	settle();
	CALL(ioctl(ends.peer, FIONREAD, &queued));
	note("to read, before the end", queued);
	take(ends.peer);
	CALL(ioctl(ends.peer, FIONREAD, &queued));
	note("to read, at the end", queued);
}

/* Two descriptors of one socket: the connection ends with the last of them. */
static void duplicates(void)
{
	int copy;

	connected_pair(&ends);
	copy = dup(ends.peer);
	close(ends.peer);
	settle();
	note_poll("own, one of two closed", ends.fd);
	CALL(send(copy, "copy", 4, 0));
	settle();
	take(ends.fd);
	close(copy);
	settle();
	note_poll("own, both closed", ends.fd);
}

const struct call_case shutdown_cases[] = {
	{ "halves", halves }, { "reading", reading }, { "twice", twice },
	{ "close-unread", close_unread }, { "close-then-send", close_then_send },
	{ "close-with-data-sent", close_with_data_sent }, { "reset-with-data", reset_with_data },
	{ "reset-then-send", reset_then_send }, { "reset-after-shut", reset_after_shut },
	{ "linger", linger }, { "linger-in-vain", linger_in_vain }, { "disconnect", disconnect },
	{ "queues", queues }, { "duplicates", duplicates }, { 0 },
};
