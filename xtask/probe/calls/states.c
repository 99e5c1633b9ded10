// SPDX-License-Identifier: GPL-2.0-only
/* A socket in each state that a program can bring it to. All of them do not block. */
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

#define LIMIT 5000	/* milliseconds */

bool await(int fd, int events)
{
	return poll_one(fd, events, LIMIT) & events;
}

int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* -1 with errno; an option is never -1 by itself here. */
int get_int(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	return getsockopt(fd, level, name, &value, &len) ? -1 : value;
}

void reset_on_close(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	must("linger", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

/* A port of loopback on which nobody listens: it was somebody's a moment ago. */
struct sockaddr_in closed_port(void)
{
	struct sockaddr_in address = address_of("127.0.0.1", 0);
	socklen_t len = sizeof(address);
	int fd = stream_socket();

	must("bind", bind(fd, (struct sockaddr *)&address, len));
	must("getsockname", getsockname(fd, (struct sockaddr *)&address, &len));
	close(fd);
	return address;
}

static void bound_to(int fd, struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);

	*address = address_of("127.0.0.1", 0);
	must("bind", bind(fd, (struct sockaddr *)address, len));
	must("getsockname", getsockname(fd, (struct sockaddr *)address, &len));
}

static void connect_ends(struct ends *ends)
{
	ends->listener = listen_on("127.0.0.1", 2, &ends->address);
	connect(ends->fd, (struct sockaddr *)&ends->address, sizeof(ends->address));
	must("accept", ends->peer = accept(ends->listener, NULL, NULL));
	set_nonblocking(ends->peer);
	await(ends->fd, POLLOUT);
}

/* Both ends block. */
void connected_pair(struct ends *ends)
{
	*ends = (struct ends) { .fd = stream_socket(), .peer = -1, .listener = -1 };
	ends->listener = listen_on("127.0.0.1", 2, &ends->address);
	must("connect", connect(ends->fd, (struct sockaddr *)&ends->address, sizeof(ends->address)));
	must("accept", ends->peer = accept(ends->listener, NULL, NULL));
}

/* Two datagram sockets that block; fd is bound to .address, peer connected to it. */
void datagram_pair(struct ends *ends)
{
	*ends = (struct ends) { .fd = datagram_socket(), .peer = datagram_socket(), .listener = -1 };
	bound_to(ends->fd, &ends->address);
	must("connect", connect(ends->peer, (struct sockaddr *)&ends->address, sizeof(ends->address)));
}

static void fresh(struct ends *ends)
{
	(void)ends;
}

static void bound(struct ends *ends)
{
	bound_to(ends->fd, &ends->address);
}

static void listening(struct ends *ends)
{
	bound_to(ends->fd, &ends->address);
	must("listen", listen(ends->fd, 2));
}

static void listening_waited(struct ends *ends)
{
	listening(ends);
	ends->peer = stream_socket();
	must("connect", connect(ends->peer, (struct sockaddr *)&ends->address, sizeof(ends->address)));
	await(ends->fd, POLLIN);
}

static void listening_shut(struct ends *ends)
{
	listening(ends);
	must("shutdown", shutdown(ends->fd, SHUT_RDWR));
}

static void connecting(struct ends *ends)
{
	connect_to(ends->fd, places.silent, 80);
}

static void refused(struct ends *ends)
{
	struct sockaddr_in nobody = closed_port();

	connect(ends->fd, (struct sockaddr *)&nobody, sizeof(nobody));
	await(ends->fd, POLLERR);
}

static void refused_told(struct ends *ends)
{
	refused(ends);
	socket_error(ends->fd);
}

static void waiting(struct ends *ends)
{
	connect_ends(ends);
	must("send", send(ends->peer, "waiting", 7, 0));
	await(ends->fd, POLLIN);
}

/* Until not even a byte more fits. What is on its way makes room again, so more than once. */
void fill_up(int fd)
{
	static char bytes[16384];

	for (int rounds = 0; rounds < 4; rounds++) {
		for (size_t len = sizeof(bytes); len; len /= 128)
			while (send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
				;
		settle();
	}
}

static void full(struct ends *ends)
{
	connect_ends(ends);
	fill_up(ends->fd);
}

static void peer_shut(struct ends *ends)
{
	connect_ends(ends);
	must("shutdown", shutdown(ends->peer, SHUT_WR));
	await(ends->fd, POLLIN);
}

static void peer_shut_waiting(struct ends *ends)
{
	waiting(ends);
	must("shutdown", shutdown(ends->peer, SHUT_WR));
	await(ends->fd, POLLRDHUP);
}

static void peer_closed(struct ends *ends)
{
	connect_ends(ends);
	close(ends->peer);
	await(ends->fd, POLLIN);
}

static void shut_write(struct ends *ends)
{
	connect_ends(ends);
	must("shutdown", shutdown(ends->fd, SHUT_WR));
	await(ends->peer, POLLIN);
}

static void shut_read(struct ends *ends)
{
	connect_ends(ends);
	must("shutdown", shutdown(ends->fd, SHUT_RD));
}

static void shut_both(struct ends *ends)
{
	connect_ends(ends);
	must("shutdown", shutdown(ends->fd, SHUT_RDWR));
	await(ends->peer, POLLIN);
}

static void both_shut(struct ends *ends)
{
	shut_write(ends);
	must("shutdown", shutdown(ends->peer, SHUT_WR));
	await(ends->fd, POLLHUP);
}

static void reset(struct ends *ends)
{
	connect_ends(ends);
	reset_on_close(ends->peer);
	close(ends->peer);
	await(ends->fd, POLLERR);
}

static void reset_waiting(struct ends *ends)
{
	waiting(ends);
	reset_on_close(ends->peer);
	close(ends->peer);
	await(ends->fd, POLLERR);
}

static void reset_told(struct ends *ends)
{
	reset(ends);
	socket_error(ends->fd);
}

static void disconnected(struct ends *ends)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	connect_ends(ends);
	must("disconnect", connect(ends->fd, &none, sizeof(none)));
}

static void urgent(struct ends *ends)
{
	connect_ends(ends);
	must("send", send(ends->peer, "abU", 3, MSG_OOB));
	await(ends->fd, POLLPRI);
}

static void datagram_connected(struct ends *ends)
{
	ends->peer = datagram_socket();
	bound_to(ends->peer, &ends->address);
	must("connect", connect(ends->fd, (struct sockaddr *)&ends->address, sizeof(ends->address)));
}

static void datagram_waiting(struct ends *ends)
{
	bound(ends);
	ends->peer = datagram_socket();
	must("send", sendto(ends->peer, "one", 3, 0, (struct sockaddr *)&ends->address,
			    sizeof(ends->address)));
	await(ends->fd, POLLIN);
}

static void datagram_refused(struct ends *ends)
{
	datagram_connected(ends);
	close(ends->peer);
	must("send", send(ends->fd, "x", 1, 0));
	await(ends->fd, POLLERR);
}

static void datagram_shut_read(struct ends *ends)
{
	datagram_connected(ends);
	must("shutdown", shutdown(ends->fd, SHUT_RD));
}

static void datagram_shut_write(struct ends *ends)
{
	datagram_connected(ends);
	must("shutdown", shutdown(ends->fd, SHUT_WR));
}

static void datagram_disconnected(struct ends *ends)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	datagram_connected(ends);
	must("disconnect", connect(ends->fd, &none, sizeof(none)));
}

/* The identifier is chosen, so that the bytes of an echo are the same each time. */
static void ping_connected(struct ends *ends)
{
	struct sockaddr_in own = address_of("127.0.0.1", 7777);

	must("bind", bind(ends->fd, (struct sockaddr *)&own, sizeof(own)));
	ends->address = address_of("127.0.0.1", 0);
	must("connect", connect(ends->fd, (struct sockaddr *)&ends->address, sizeof(ends->address)));
}

static void ping_answered(struct ends *ends)
{
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.sequence = htons(1) };

	ping_connected(ends);
	must("send", send(ends->fd, &echo, sizeof(echo), 0));
	await(ends->fd, POLLIN);
}

#define STREAM(name, function) { "stream-" name, SOCK_STREAM, 0, function }
#define DATAGRAM(name, function) { "datagram-" name, SOCK_DGRAM, 0, function }
#define PING(name, function) { "ping-" name, SOCK_DGRAM, IPPROTO_ICMP, function }

const struct state states[] = {
	STREAM("fresh", fresh), STREAM("bound", bound), STREAM("listening", listening),
	STREAM("listening-waited", listening_waited), STREAM("listening-shut", listening_shut),
	STREAM("connecting", connecting), STREAM("refused", refused),
	STREAM("refused-told", refused_told), STREAM("connected", connect_ends),
	STREAM("waiting", waiting), STREAM("full", full), STREAM("peer-shut", peer_shut),
	STREAM("peer-shut-waiting", peer_shut_waiting), STREAM("peer-closed", peer_closed),
	STREAM("shut-write", shut_write), STREAM("shut-read", shut_read),
	STREAM("shut-both", shut_both), STREAM("both-shut", both_shut), STREAM("reset", reset),
	STREAM("reset-waiting", reset_waiting), STREAM("reset-told", reset_told),
	STREAM("disconnected", disconnected), STREAM("urgent", urgent),
	DATAGRAM("fresh", fresh), DATAGRAM("bound", bound),
	DATAGRAM("connected", datagram_connected), DATAGRAM("waiting", datagram_waiting),
	DATAGRAM("refused", datagram_refused), DATAGRAM("shut-read", datagram_shut_read),
	DATAGRAM("shut-write", datagram_shut_write), DATAGRAM("disconnected", datagram_disconnected),
	PING("fresh", fresh), PING("connected", ping_connected), PING("answered", ping_answered),
};

const size_t states_count = sizeof(states) / sizeof(*states);

int enter(const struct state *state, struct ends *ends)
{
	*ends = (struct ends) { .peer = -1, .listener = -1 };
	ends->fd = socket(AF_INET, state->type | SOCK_NONBLOCK, state->protocol);
	must("socket", ends->fd);
	state->enter(ends);
	return ends->fd;
}
