// SPDX-License-Identifier: GPL-2.0-only
/* Every call in every state: what it returns, and what the socket is ready for afterwards. */
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "calls.h"

static char bytes[64];

struct matrix_call {
	const char *name;
	void (*make)(int fd, const struct ends *ends);
};

struct matrix_case {
	const struct state *state;
	const struct matrix_call *call;
};

static void take(int fd, int flags, size_t len)
{
	long got = CALL(recv(fd, bytes, len, flags));

	if (got > 0 && !(flags & MSG_TRUNC))
		note_bytes("bytes", bytes, got);
}

static void receive(int fd, const struct ends *ends)
{
	(void)ends;
	take(fd, 0, 4);
	take(fd, 0, sizeof(bytes));
	take(fd, 0, sizeof(bytes));
}

static void peek(int fd, const struct ends *ends)
{
	(void)ends;
	take(fd, MSG_PEEK, 4);
	take(fd, MSG_PEEK, sizeof(bytes));
}

static void receive_nothing(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(recv(fd, bytes, 0, 0));
}

static void receive_truncated(int fd, const struct ends *ends)
{
	(void)ends;
	take(fd, MSG_TRUNC, 2);
}

static void receive_all(int fd, const struct ends *ends)
{
	(void)ends;
	take(fd, MSG_WAITALL, sizeof(bytes));
}

static void receive_urgent(int fd, const struct ends *ends)
{
	(void)ends;
	take(fd, MSG_OOB, 4);
	take(fd, MSG_OOB, 4);
}

static void receive_from(int fd, const struct ends *ends)
{
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);

	(void)ends;
	if (CALL(recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len)) >= 0) {
		note("length", len);
		note_address("from", &from, false);
	}
}

static void receive_bad_pointer(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(recv(fd, (void *)1, 4, 0));
}

static void send_one(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(send(fd, "x", 1, MSG_NOSIGNAL));
	CALL(send(fd, "y", 1, MSG_NOSIGNAL));
}

static void send_nothing(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(send(fd, "", 0, MSG_NOSIGNAL));
}

static void send_urgent(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(send(fd, "u", 1, MSG_NOSIGNAL | MSG_OOB));
}

static void send_bad_pointer(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(send(fd, (void *)1, 8, MSG_NOSIGNAL));
}

static void send_to(int fd, const struct ends *ends)
{
	struct sockaddr_in nobody = closed_port();

	(void)ends;
	CALL(sendto(fd, "eight by", 8, MSG_NOSIGNAL, (struct sockaddr *)&nobody, sizeof(nobody)));
}

static void send_to_short(int fd, const struct ends *ends)
{
	struct sockaddr_in nobody = closed_port();

	(void)ends;
	CALL(sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&nobody, 4));
}

static void connect_open(int fd, const struct ends *ends)
{
	struct sockaddr_in open;
	int listener = listen_on("127.0.0.1", 2, &open);

	(void)ends;
	CALL(connect(fd, (struct sockaddr *)&open, sizeof(open)));
	settle();
	note_poll("then", fd);
	CALL(connect(fd, (struct sockaddr *)&open, sizeof(open)));
	close(listener);
}

static void connect_closed(int fd, const struct ends *ends)
{
	struct sockaddr_in nobody = closed_port();

	(void)ends;
	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	settle();
	note_poll("then", fd);
	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
}

static void connect_nowhere(int fd, const struct ends *ends)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)ends;
	CALL(connect(fd, &none, sizeof(none)));
	note_poll("then", fd);
	CALL(connect(fd, &none, sizeof(none)));
}

static void connect_misshaped(int fd, const struct ends *ends)
{
	struct sockaddr_in open = address_of("127.0.0.1", 9);

	(void)ends;
	CALL(connect(fd, (struct sockaddr *)&open, 1));
	CALL(connect(fd, (struct sockaddr *)&open, 6));
	open.sin_family = AF_UNIX;
	CALL(connect(fd, (struct sockaddr *)&open, sizeof(open)));
}

static void bind_any(int fd, const struct ends *ends)
{
	struct sockaddr_in any = address_of("0.0.0.0", 0);

	(void)ends;
	CALL(bind(fd, (struct sockaddr *)&any, sizeof(any)));
	CALL(bind(fd, (struct sockaddr *)&any, sizeof(any)));
}

static void bind_elsewhere(int fd, const struct ends *ends)
{
	struct sockaddr_in elsewhere = address_of("198.51.100.99", 0);

	(void)ends;
	CALL(bind(fd, (struct sockaddr *)&elsewhere, sizeof(elsewhere)));
	CALL(bind(fd, (struct sockaddr *)&elsewhere, 4));
}

static void listen_again(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(listen(fd, 1));
}

static void accept_one(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(accept(fd, NULL, NULL));
	CALL(accept(fd, NULL, NULL));
}

static void names(int fd, const struct ends *ends)
{
	struct sockaddr_in name = { 0 };
	socklen_t len = sizeof(name);

	(void)ends;
	if (!CALL(getsockname(fd, (struct sockaddr *)&name, &len)))
		note_address("own", &name, false);
	len = sizeof(name);
	if (!CALL(getpeername(fd, (struct sockaddr *)&name, &len)))
		note_address("peer", &name, false);
	len = 4;
	CALL(getsockname(fd, (struct sockaddr *)&name, &len));
	note("length", len);
	len = -1;
	CALL(getsockname(fd, (struct sockaddr *)&name, &len));
}

static void shutdowns(int fd, const struct ends *ends, int how)
{
	CALL(shutdown(fd, how));
	settle();
	note_poll("then", fd);
	if (ends->peer >= 0)
		note_poll("the peer", ends->peer);
	CALL(recv(fd, bytes, sizeof(bytes), 0));
	CALL(send(fd, "x", 1, MSG_NOSIGNAL));
}

static void shutdown_read(int fd, const struct ends *ends)
{
	shutdowns(fd, ends, SHUT_RD);
}

static void shutdown_write(int fd, const struct ends *ends)
{
	shutdowns(fd, ends, SHUT_WR);
}

static void shutdown_both(int fd, const struct ends *ends)
{
	shutdowns(fd, ends, SHUT_RDWR);
}

static void shutdown_wrong(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(shutdown(fd, 3));
	CALL(shutdown(fd, -1));
}

static void error(int fd, const struct ends *ends)
{
	(void)ends;
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
	CALL(get_int(fd, SOL_SOCKET, SO_ACCEPTCONN));
}

static void queue(int fd, unsigned int command, const char *what)
{
	int value = -1;

	note_call(what, ioctl(fd, command, &value));
	note("value", value);
}

static void queues(int fd, const struct ends *ends)
{
	(void)ends;
	queue(fd, FIONREAD, "FIONREAD");
	queue(fd, SIOCATMARK, "SIOCATMARK");
	CALL(ioctl(fd, FIONREAD, (void *)1));
}

static void close_it(int fd, const struct ends *ends)
{
	CALL(close(fd));
	settle();
	if (ends->peer >= 0) {
		note_poll("the peer", ends->peer);
		CALL(recv(ends->peer, bytes, sizeof(bytes), MSG_DONTWAIT));
		CALL(send(ends->peer, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
	}
}

static const struct matrix_call calls[] = {
	{ "recv", receive }, { "peek", peek }, { "recv-nothing", receive_nothing },
	{ "recv-trunc", receive_truncated }, { "recv-all", receive_all },
	{ "recv-urgent", receive_urgent }, { "recvfrom", receive_from },
	{ "recv-efault", receive_bad_pointer }, { "send", send_one },
	{ "send-nothing", send_nothing }, { "send-urgent", send_urgent },
	{ "send-efault", send_bad_pointer }, { "sendto", send_to },
	{ "sendto-short", send_to_short }, { "connect-open", connect_open },
	{ "connect-closed", connect_closed }, { "connect-nowhere", connect_nowhere },
	{ "connect-misshaped", connect_misshaped }, { "bind", bind_any },
	{ "bind-elsewhere", bind_elsewhere }, { "listen", listen_again },
	{ "accept", accept_one }, { "names", names }, { "shutdown-read", shutdown_read },
	{ "shutdown-write", shutdown_write }, { "shutdown-both", shutdown_both },
	{ "shutdown-wrong", shutdown_wrong }, { "so-error", error }, { "queues", queues },
	{ "close", close_it },
};

static void run(const void *argument)
{
	const struct matrix_case *it = argument;
	struct ends ends;
	int fd = enter(it->state, &ends);

	it->call->make(fd, &ends);
	if (it->call->make != close_it)
		note_poll("afterwards", fd);
}

void calls_matrix(void)
{
	char name[80];

	for (size_t i = 0; i < states_count; i++) {
		for (size_t j = 0; j < sizeof(calls) / sizeof(*calls); j++) {
			struct matrix_case it = { &states[i], &calls[j] };

			snprintf(name, sizeof(name), "%s/%s", states[i].name, calls[j].name);
			case_run(name, run, &it);
		}
	}
}
