// SPDX-License-Identifier: GPL-2.0-only
/* Errors that come from elsewhere: refused, reset, unreachable, timed out; told once. */
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "calls.h"

static char bytes[64];

static void refused_blocking(void)
{
	struct sockaddr_in nobody = closed_port();
	int fd = stream_socket();

	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
	note_poll("then", fd);
	CALL(recv(fd, bytes, 1, 0));
	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
}

/* A refusal that is pending, told by this call and not by the next. */
static void told_by(long (*call)(int fd))
{
	struct sockaddr_in nobody = closed_port();
	int fd = stream_socket();

	set_nonblocking(fd);
	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	await(fd, POLLERR);
	errno = 0;
	note_call("first", call(fd));
	errno = 0;
	note_call("second", call(fd));
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
	note_poll("then", fd);
}

static long by_recv(int fd)
{
	return recv(fd, bytes, 1, 0);
}

static long by_send(int fd)
{
	return send(fd, "x", 1, MSG_NOSIGNAL);
}

static long by_connect(int fd)
{
	int error = connect_to(fd, "127.0.0.1", 1);

	errno = error;
	return error ? -1 : 0;
}

static long by_option(int fd)
{
	return get_int(fd, SOL_SOCKET, SO_ERROR);
}

static void told_by_recv(void)
{
	told_by(by_recv);
}

static void told_by_send(void)
{
	told_by(by_send);
}

static void told_by_connect(void)
{
	told_by(by_connect);
}

static void told_by_option(void)
{
	told_by(by_option);
}

static void remote_refused(void)
{
	CALL(connect_to(stream_socket(), places.peer, places.closed_port));
}

static void remote_reset(void)
{
	int fd = stream_socket();

	CALL(connect_to(fd, places.peer, places.reset_port));
	CALL(send(fd, "x", 1, 0));
	await(fd, POLLERR);
	note_poll("then", fd);
	CALL(recv(fd, bytes, 1, 0));
	CALL(recv(fd, bytes, 1, 0));
	CALL(send(fd, "x", 1, MSG_NOSIGNAL));
}

static void absent(void)
{
	int fd = stream_socket();

	CALL(connect_to(fd, places.absent, 80));
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
	note_poll("then", fd);
}

/* ARP goes unanswered: the socket hears of it, connected or not. */
static void absent_datagram(void)
{
	int fd = datagram_socket();

	CALL(connect_to(fd, places.absent, 9));
	CALL(send(fd, "x", 1, 0));
	CALL(poll_one(fd, POLLIN, 8000));
	CALL(recv(fd, bytes, 1, MSG_DONTWAIT));
	CALL(recv(fd, bytes, 1, MSG_DONTWAIT));
}

static void timed_out(void)
{
	int fd = stream_socket();

	CALL(set_int(fd, IPPROTO_TCP, TCP_SYNCNT, 1));
	CALL(connect_to(fd, places.silent, 80));
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
	note_poll("then", fd);
}

static void connect_limited(void)
{
	struct timeval limit = { .tv_usec = 100000 };
	int fd = stream_socket();

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	CALL(connect_to(fd, places.silent, 80));
	CALL(connect_to(fd, places.silent, 80));
	note_poll("then", fd);
	CALL(recv(fd, bytes, 1, MSG_DONTWAIT));
	CALL(send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void user_timeout(void)
{
	int fd = stream_socket();

	CALL(set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500));
	CALL(connect_to(fd, places.silent, 80));
}

static void datagram_refused(const char *to, int port)
{
	struct sockaddr_in address = address_of(to, port);
	int fd = datagram_socket();

	CALL(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	CALL(send(fd, "x", 1, 0));
	await(fd, POLLERR);
	note_poll("refused", fd);
	CALL(recv(fd, bytes, 1, MSG_DONTWAIT));
	CALL(recv(fd, bytes, 1, MSG_DONTWAIT));
	CALL(send(fd, "x", 1, 0));
	await(fd, POLLERR);
	CALL(send(fd, "x", 1, 0));
	await(fd, POLLERR & 0);
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
	CALL(get_int(fd, SOL_SOCKET, SO_ERROR));
}

static void datagram_refused_local(void)
{
	datagram_refused("127.0.0.1", ntohs(closed_port().sin_port));
}

static void datagram_refused_remote(void)
{
	datagram_refused(places.peer, places.closed_port);
}

/* A socket that is not connected does not hear of it, unless it asked to. */
static void datagram_unconnected(void)
{
	struct sockaddr_in nobody = closed_port();
	int fd = datagram_socket();

	CALL(sendto(fd, "x", 1, 0, (struct sockaddr *)&nobody, sizeof(nobody)));
	settle();
	note_poll("not asked", fd);
	CALL(recv(fd, bytes, 1, MSG_DONTWAIT));
}

static void no_route(void)
{
	struct sockaddr_in nowhere = address_of("0.0.0.0", 9);
	struct sockaddr_in reserved = address_of("240.0.0.1", 9);

	CALL(connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&reserved,
		     sizeof(reserved)));
	CALL(connect(stream_socket(), (struct sockaddr *)&nowhere, sizeof(nowhere)));
	CALL(connect_to(stream_socket(), "224.0.0.9", 80));
}

static void wrong_length(void)
{
	struct sockaddr_in address = closed_port();

	CALL(connect(stream_socket(), (struct sockaddr *)&address, 0));
	CALL(connect(stream_socket(), (struct sockaddr *)&address, 15));
	CALL(connect(stream_socket(), (struct sockaddr *)&address, 129));
	CALL(connect(stream_socket(), (struct sockaddr *)&address, -1));
	CALL(connect(stream_socket(), (struct sockaddr *)1, 16));
	CALL(connect(datagram_socket(), (struct sockaddr *)&address, 0));
	CALL(connect(datagram_socket(), (struct sockaddr *)&address, 15));
	CALL(connect(datagram_socket(), (struct sockaddr *)1, 16));
}

const struct call_case error_cases[] = {
	{ "refused-blocking", refused_blocking }, { "told-by-recv", told_by_recv },
	{ "told-by-send", told_by_send }, { "told-by-connect", told_by_connect },
	{ "told-by-option", told_by_option }, { "remote-refused", remote_refused },
	{ "remote-reset", remote_reset }, { "absent", absent }, { "absent-datagram", absent_datagram },
	{ "timed-out", timed_out }, { "connect-limited", connect_limited },
	{ "user-timeout", user_timeout }, { "datagram-refused-local", datagram_refused_local },
	{ "datagram-refused-remote", datagram_refused_remote },
	{ "datagram-unconnected", datagram_unconnected }, { "no-route", no_route },
	{ "wrong-length", wrong_length }, { 0 },
};
