// SPDX-License-Identifier: GPL-2.0-only
/* Listening and accepting: what a connection inherits, a backlog that is full, clients that are gone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

static struct sockaddr_in address;

static int client(void)
{
	int fd = stream_socket();

	must("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static void inherits(void)
{
	int fd = listen_on("127.0.0.1", 4, &address), served;
	struct linger linger = { 1, 7 };
	socklen_t len = sizeof(linger);

	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 9000);
	set_int(fd, IPPROTO_IP, IP_TTL, 33);
	set_int(fd, IPPROTO_IP, IP_TOS, 0x10);
	set_int(fd, SOL_SOCKET, SO_RCVLOWAT, 3);
	set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	set_nonblocking(fd);
	client();
	served = accept(fd, NULL, NULL);
	CALL(get_int(served, IPPROTO_TCP, TCP_NODELAY));
	CALL(get_int(served, SOL_SOCKET, SO_KEEPALIVE));
	CALL(get_int(served, IPPROTO_TCP, TCP_KEEPIDLE));
	CALL(get_int(served, IPPROTO_TCP, TCP_USER_TIMEOUT));
	CALL(get_int(served, IPPROTO_IP, IP_TTL));
	CALL(get_int(served, IPPROTO_IP, IP_TOS));
	CALL(get_int(served, SOL_SOCKET, SO_RCVLOWAT));
	CALL(get_int(served, SOL_SOCKET, SO_OOBINLINE));
	CALL(get_int(served, SOL_SOCKET, SO_REUSEADDR));
	CALL(get_int(served, SOL_SOCKET, SO_ACCEPTCONN));
	CALL(getsockopt(served, SOL_SOCKET, SO_LINGER, &linger, &len));
	note("lingers for", linger.l_linger);
	note("nonblocking", (fcntl(served, F_GETFL) & O_NONBLOCK) != 0);
}

static void flags(void)
{
	int fd = listen_on("127.0.0.1", 4, &address), served;

	client();
	CALL(accept4(fd, NULL, NULL, 0x1234));
	CALL(served = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	note("nonblocking", (fcntl(served, F_GETFL) & O_NONBLOCK) != 0);
	note("close on exec", fcntl(served, F_GETFD));
}

static void addresses(void)
{
	int fd = listen_on("0.0.0.0", 4, &address), mine, served;
	struct sockaddr_in from, own;
	socklen_t len = sizeof(from);

	address = address_of("127.0.0.1", ntohs(address.sin_port));
	mine = client();
	served = accept(fd, (struct sockaddr *)&from, &len);
	note("length", len);
	note_address("from", &from, false);
	getsockname(served, (struct sockaddr *)&own, &len);
	note_address("to", &own, false);
	getsockname(mine, (struct sockaddr *)&own, &len);
	note("the client's port", own.sin_port == from.sin_port);
	client();
	len = 6;
	CALL(accept(fd, (struct sockaddr *)&from, &len));
	note("length", len);
	client();
	len = -1;
	CALL(accept(fd, (struct sockaddr *)&from, &len));
	client();
	CALL(accept(fd, (struct sockaddr *)1, &len));
}

/* BACKLOG + 1 connections wait; further clients are still connecting. */
static void backlog(int size)
{
	int fd = listen_on("127.0.0.1", size, &address), clients[12], connected = 0, failed = 0;
	int accepted = 0;

	for (int i = 0; i < 12; i++) {
		clients[i] = stream_socket();
		set_nonblocking(clients[i]);
		connect(clients[i], (struct sockaddr *)&address, sizeof(address));
	}
	settle();
	for (int i = 0; i < 12; i++) {
		int events = poll_one(clients[i], POLLOUT, 0);

		connected += events == POLLOUT;
		failed += (events & POLLERR) != 0;
	}
	note("connected", connected);
	note("failed", failed);
	set_nonblocking(fd);
	while (accept(fd, NULL, NULL) >= 0)
		accepted++;
	note("accepted", accepted);
}

static void backlog_0(void)
{
	backlog(0);
}

static void backlog_1(void)
{
	backlog(1);
}

static void backlog_5(void)
{
	backlog(5);
}

static void backlog_negative(void)
{
	backlog(-1);
}

static void larger_backlog(void)
{
	int fd = listen_on("127.0.0.1", 1, &address);

	CALL(listen(fd, 5));
	CALL(listen(fd, 0));
	close(fd);
}

static void client_closed(void)
{
	int fd = listen_on("127.0.0.1", 4, &address), mine = client(), served;
	char byte;

	send(mine, "x", 1, 0);
	close(mine);
	settle();
	note_poll("listener", fd);
	CALL(served = accept(fd, NULL, NULL));
	note_poll("accepted", served);
	CALL(recv(served, &byte, 1, 0));
	CALL(recv(served, &byte, 1, 0));
}

static void client_reset(void)
{
	int fd = listen_on("127.0.0.1", 4, &address), mine = client(), served;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char byte;

	reset_on_close(mine);
	close(mine);
	settle();
	set_nonblocking(fd);
	note_poll("listener", fd);
	CALL(served = accept(fd, (struct sockaddr *)&from, &len));
	note_poll("accepted", served);
	CALL(recv(served, &byte, 1, MSG_DONTWAIT));
	CALL(getpeername(served, (struct sockaddr *)&from, &len));
}

/* Who waits to be accepted is reset when the listener goes. */
static void listener_closed(void)
{
	int fd = listen_on("127.0.0.1", 4, &address), mine = client();
	char byte;

	close(fd);
	settle();
	note_poll("client", mine);
	CALL(recv(mine, &byte, 1, MSG_DONTWAIT));
	CALL(connect(stream_socket(), (struct sockaddr *)&address, sizeof(address)));
}

static void listener_shut(void)
{
	int fd = listen_on("127.0.0.1", 4, &address), mine = client();
	char byte;

	CALL(shutdown(fd, SHUT_WR));
	note_poll("writing shut", fd);
	CALL(shutdown(fd, SHUT_RD));
	note_poll("reading shut", fd);
	settle();
	note_poll("client", mine);
	CALL(recv(mine, &byte, 1, MSG_DONTWAIT));
	CALL(accept(fd, NULL, NULL));
	CALL(listen(fd, 1));
	note_poll("listens again", fd);
	CALL(connect(stream_socket(), (struct sockaddr *)&address, sizeof(address)));
}

static void unbound(void)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int fd = stream_socket();

	CALL(listen(fd, 1));
	CALL(getsockname(fd, (struct sockaddr *)&name, &len));
	note_address("name", &name, false);
}

/* Accepted only with data, when asked so (tcp(7)). */
static void deferred(void)
{
	int fd = listen_on("127.0.0.1", 4, &address), mine;

	CALL(set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5));
	mine = client();
	settle();
	note_poll("connected", fd);
	send(mine, "x", 1, 0);
	settle();
	note_poll("with data", fd);
}

static void timeout(void)
{
	struct timeval limit = { .tv_usec = 100000 };
	int fd = listen_on("127.0.0.1", 4, &address);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	CALL(accept(fd, NULL, NULL));
}

/* A connection that waits belongs to whoever accepts first, in whichever process. */
static void forked(void)
{
	int fd = listen_on("127.0.0.1", 4, &address), mine;
	char bytes[8];

	if (fork() == 0) {
		int served = accept(fd, NULL, NULL);

		send(served, "child", 5, 0);
		_exit(0);
	}
	mine = client();
	CALL(recv(mine, bytes, sizeof(bytes), MSG_WAITALL));
	note_bytes("bytes", bytes, 5);
	wait(NULL);
	note_poll("the child is gone", mine);
}

const struct call_case listen_cases[] = {
	{ "inherits", inherits }, { "flags", flags }, { "addresses", addresses },
	{ "backlog-0", backlog_0 }, { "backlog-1", backlog_1 }, { "backlog-5", backlog_5 },
	{ "backlog-negative", backlog_negative }, { "larger-backlog", larger_backlog },
	{ "client-closed", client_closed }, { "client-reset", client_reset },
	{ "listener-closed", listener_closed }, { "listener-shut", listener_shut },
	{ "unbound", unbound }, { "deferred", deferred }, { "timeout", timeout }, { "forked", forked },
	{ 0 },
};
