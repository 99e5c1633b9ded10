// SPDX-License-Identifier: GPL-2.0-only
/* A thread that is blocked in a call while something happens to its socket. */
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

static char bytes[65536];
static struct ends ends;
static int polled;

/* What the blocked thread does, and what came of it. */
struct blocked {
	long (*call)(void);
	long result;
	int error;
};

static void *call_it(void *argument)
{
	struct blocked *it = argument;

	errno = 0;
	it->result = it->call();
	it->error = errno;
	return NULL;
}

static long polls(void);

/* Blocks in `call`, lets `happen` happen, and tells what the call returned; a hang ends the case. */
static void during(long (*call)(void), void (*happen)(void))
{
	struct blocked it = { .call = call };
	pthread_t thread;

	must("pthread_create", -pthread_create(&thread, NULL, call_it, &it));
	usleep(50000);
	happen();
	pthread_join(thread, NULL);
	errno = it.error;
	note_call("the blocked call", it.result);
	if (call == polls)
		note_events("poll says", polled);
	if (it.result > 0 && it.result < 16)
		note_bytes("bytes", bytes, it.result);
}

static long reads(void)
{
	return recv(ends.fd, bytes, sizeof(bytes), 0);
}

static long reads_all(void)
{
	return recv(ends.fd, bytes, 10, MSG_WAITALL);
}

static long peeks(void)
{
	return recv(ends.fd, bytes, sizeof(bytes), MSG_PEEK);
}

static long writes(void)
{
	while (send(ends.fd, bytes, sizeof(bytes), MSG_NOSIGNAL) == (long)sizeof(bytes))
		;
	return send(ends.fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

static long accepts(void)
{
	return accept(ends.fd, NULL, NULL);
}

static long connects(void)
{
	int error = connect_to(ends.fd, places.silent, 80);

	errno = error;
	return error ? -1 : 0;
}

static long polls(void)
{
	struct pollfd item = { .fd = ends.fd, .events = POLLIN | POLLRDHUP };
	long count = poll(&item, 1, 20000);

	polled = item.revents;
	return count;
}

static void data(void)
{
	send(ends.peer, "data", 4, 0);
}

static void peer_closes(void)
{
	close(ends.peer);
}

static void peer_resets(void)
{
	reset_on_close(ends.peer);
	close(ends.peer);
}

static void peer_shuts(void)
{
	shutdown(ends.peer, SHUT_WR);
}

static void shut_reading(void)
{
	CALL(shutdown(ends.fd, SHUT_RD));
}

static void shut_writing(void)
{
	CALL(shutdown(ends.fd, SHUT_WR));
}

static void shut_all(void)
{
	CALL(shutdown(ends.fd, SHUT_RDWR));
}

static void disconnect(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	CALL(connect(ends.fd, &none, sizeof(none)));
}

/* Close does not end the call: only what happens next does, if anything. */
static void close_then_data(void)
{
	close(ends.fd);
	usleep(50000);
	send(ends.peer, "data", 4, MSG_NOSIGNAL);
}

static void close_then_peer_closes(void)
{
	close(ends.fd);
	usleep(50000);
	close(ends.peer);
}

static void data_then_the_end(void)
{
	send(ends.peer, "data", 4, 0);
	usleep(50000);
	shutdown(ends.peer, SHUT_WR);
}

static void a_client(void)
{
	must("connect", connect(stream_socket(), (struct sockaddr *)&ends.address, sizeof(ends.address)));
}

static void close_then_client(void)
{
	close(ends.fd);
	usleep(50000);
	a_client();
}

static void datagram(void)
{
	send(ends.peer, "datagram", 8, 0);
}

static void refusal(void)
{
	send(ends.fd, "x", 1, 0);
}

static void listening(void)
{
	ends.fd = listen_on("127.0.0.1", 2, &ends.address);
}

static void connecting(void)
{
	ends.fd = stream_socket();
}

static void pair(void)
{
	connected_pair(&ends);
}

static void datagrams(void)
{
	datagram_pair(&ends);
}

static void datagrams_to_nobody(void)
{
	struct sockaddr_in nobody = closed_port();

	ends.fd = datagram_socket();
	must("connect", connect(ends.fd, (struct sockaddr *)&nobody, sizeof(nobody)));
}

#define BLOCKED(name, prepare, call, happen)	\
	static void name(void)			\
	{					\
		prepare();			\
		during(call, happen);		\
	}

BLOCKED(read_data, pair, reads, data)
BLOCKED(read_close, pair, reads, peer_closes)
BLOCKED(read_reset, pair, reads, peer_resets)
BLOCKED(read_peer_shut, pair, reads, peer_shuts)
BLOCKED(read_shut_reading, pair, reads, shut_reading)
BLOCKED(read_shut_all, pair, reads, shut_all)
BLOCKED(read_disconnect, pair, reads, disconnect)
BLOCKED(read_own_close, pair, reads, close_then_data)
BLOCKED(read_own_close_end, pair, reads, close_then_peer_closes)
BLOCKED(read_all_part, pair, reads_all, data_then_the_end)
BLOCKED(read_all_close, pair, reads_all, peer_closes)
BLOCKED(peek_data, pair, peeks, data)
BLOCKED(peek_reset, pair, peeks, peer_resets)
BLOCKED(write_close, pair, writes, peer_closes)
BLOCKED(write_reset, pair, writes, peer_resets)
BLOCKED(write_shut_writing, pair, writes, shut_writing)
BLOCKED(write_shut_all, pair, writes, shut_all)
BLOCKED(write_disconnect, pair, writes, disconnect)
BLOCKED(accept_client, listening, accepts, a_client)
BLOCKED(accept_shut, listening, accepts, shut_reading)
BLOCKED(accept_own_close, listening, accepts, close_then_client)
BLOCKED(accept_disconnect, listening, accepts, disconnect)
BLOCKED(connect_shut, connecting, connects, shut_all)
BLOCKED(connect_shut_writing, connecting, connects, shut_writing)
BLOCKED(connect_disconnect, connecting, connects, disconnect)
BLOCKED(poll_reset, pair, polls, peer_resets)
BLOCKED(poll_shut, pair, polls, shut_reading)
BLOCKED(poll_own_close, pair, polls, close_then_data)
BLOCKED(datagram_read, datagrams, reads, datagram)
BLOCKED(datagram_shut, datagrams, reads, shut_all)
BLOCKED(datagram_shut_connected, datagrams_to_nobody, reads, shut_reading)
BLOCKED(datagram_refused, datagrams_to_nobody, reads, refusal)
BLOCKED(datagram_own_close, datagrams, reads, close_then_data)
BLOCKED(datagram_poll_refused, datagrams_to_nobody, polls, refusal)

const struct call_case blocked_cases[] = {
	{ "read-data", read_data }, { "read-close", read_close }, { "read-reset", read_reset },
	{ "read-peer-shut", read_peer_shut }, { "read-shut-reading", read_shut_reading },
	{ "read-shut-all", read_shut_all }, { "read-disconnect", read_disconnect },
	{ "read-own-close", read_own_close }, { "read-own-close-end", read_own_close_end },
	{ "read-all-part", read_all_part }, { "read-all-close", read_all_close },
	{ "peek-data", peek_data }, { "peek-reset", peek_reset }, { "write-close", write_close },
	{ "write-reset", write_reset }, { "write-shut-writing", write_shut_writing },
	{ "write-shut-all", write_shut_all }, { "write-disconnect", write_disconnect },
	{ "accept-client", accept_client }, { "accept-shut", accept_shut },
	{ "accept-own-close", accept_own_close }, { "accept-disconnect", accept_disconnect },
	{ "connect-shut", connect_shut }, { "connect-shut-writing", connect_shut_writing },
	{ "connect-disconnect", connect_disconnect }, { "poll-reset", poll_reset },
	{ "poll-shut", poll_shut }, { "poll-own-close", poll_own_close },
	{ "datagram-read", datagram_read }, { "datagram-shut", datagram_shut },
	{ "datagram-shut-connected", datagram_shut_connected },
	{ "datagram-refused", datagram_refused }, { "datagram-own-close", datagram_own_close },
	{ "datagram-poll-refused", datagram_poll_refused }, { 0 },
};
