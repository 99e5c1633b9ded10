// SPDX-License-Identifier: GPL-2.0-only
/* Bytes through a stream: partial sends and reads, peeks, low water, MSG_WAITALL, MSG_MORE. */
#define _GNU_SOURCE
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

#define LARGE 70000
#define TOTAL (50 * LARGE)

static char bytes[LARGE];
static struct ends ends;

/* "abc" now and "def" a moment later, from a process of its own. */
static void send_in_two(void)
{
	connected_pair(&ends);
	if (fork() == 0) {
		send(ends.peer, "abc", 3, 0);
		usleep(150000);
		send(ends.peer, "def", 3, 0);
		_exit(0);
	}
}

static void take(int flags, size_t len)
{
	long got = CALL(recv(ends.fd, bytes, len, flags));

	if (got > 0)
		note_bytes("bytes", bytes, got);
}

static void wait_all(void)
{
	send_in_two();
	take(MSG_WAITALL, 6);
	wait(NULL);
}

static void wait_all_peek(void)
{
	send_in_two();
	take(MSG_WAITALL | MSG_PEEK, 6);
	take(MSG_DONTWAIT, 9);
	wait(NULL);
}

static void wait_all_nonblocking(void)
{
	connected_pair(&ends);
	send(ends.peer, "abc", 3, 0);
	await(ends.fd, POLLIN);
	take(MSG_WAITALL | MSG_DONTWAIT, 6);
	take(MSG_WAITALL | MSG_DONTWAIT, 6);
}

static void wait_all_end(void)
{
	connected_pair(&ends);
	send(ends.peer, "abc", 3, 0);
	shutdown(ends.peer, SHUT_WR);
	take(MSG_WAITALL, 6);
	take(MSG_WAITALL, 6);
}

static void low_water(void)
{
	connected_pair(&ends);
	CALL(set_int(ends.fd, SOL_SOCKET, SO_RCVLOWAT, 4));
	send(ends.peer, "abc", 3, 0);
	settle();
	note_poll("three of four", ends.fd);
	take(MSG_DONTWAIT, 10);
	send(ends.peer, "abc", 3, 0);
	send(ends.peer, "def", 3, 0);
	settle();
	note_poll("six of four", ends.fd);
	take(0, 10);
	send(ends.peer, "z", 1, 0);
	shutdown(ends.peer, SHUT_WR);
	settle();
	note_poll("one of four, and the end", ends.fd);
	take(0, 10);
}

static void peek(void)
{
	connected_pair(&ends);
	send(ends.peer, "abcdef", 6, 0);
	await(ends.fd, POLLIN);
	take(MSG_PEEK, 2);
	take(MSG_PEEK, 4);
	take(0, 3);
	take(MSG_PEEK, 10);
	take(0, 10);
	take(MSG_PEEK | MSG_DONTWAIT, 10);
}

static void truncated(void)
{
	connected_pair(&ends);
	send(ends.peer, "abcdef", 6, 0);
	await(ends.fd, POLLIN);
	memset(bytes, '-', 8);
	CALL(recv(ends.fd, bytes, 4, MSG_TRUNC));
	note_bytes("untouched", bytes, 8);
	take(0, 10);
}

static void vectors(void)
{
	struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "four", 4 } };
	char first[2], second[3], third[9];
	struct iovec in[3] = { { first, 2 }, { second, 3 }, { third, 9 } };

	connected_pair(&ends);
	CALL(writev(ends.peer, out, 3));
	await(ends.fd, POLLIN);
	CALL(readv(ends.fd, in, 3));
	note_bytes("first", first, 2);
	note_bytes("second", second, 3);
	note_bytes("third", third, 2);
	CALL(writev(ends.peer, out, 0));
	CALL(writev(ends.peer, out, -1));
	out[0].iov_base = (void *)1;
	CALL(writev(ends.peer, out, 3));
	out[0].iov_base = "one";
	out[2].iov_base = (void *)1;
	CALL(writev(ends.peer, out, 3));
	settle();
	take(MSG_DONTWAIT, 10);
}

static void bad_pointer(void)
{
	connected_pair(&ends);
	CALL(send(ends.peer, (void *)1, 10, 0));
	CALL(send(ends.peer, "ab", 2, 0));
	await(ends.fd, POLLIN);
	CALL(recv(ends.fd, (void *)1, 10, 0));
	take(MSG_DONTWAIT, 10);
}

static void more(void)
{
	connected_pair(&ends);
	CALL(send(ends.peer, "abc", 3, MSG_MORE));
	settle();
	take(MSG_DONTWAIT, 10);
	CALL(send(ends.peer, "def", 3, 0));
	settle();
	take(MSG_DONTWAIT, 10);
}

static void cork(void)
{
	connected_pair(&ends);
	CALL(set_int(ends.peer, IPPROTO_TCP, TCP_CORK, 1));
	CALL(send(ends.peer, "abc", 3, 0));
	CALL(send(ends.peer, "def", 3, 0));
	settle();
	take(MSG_DONTWAIT, 10);
	CALL(set_int(ends.peer, IPPROTO_TCP, TCP_CORK, 0));
	settle();
	take(MSG_DONTWAIT, 10);
}

/* A cork comes out by itself after 200 ms (tcp(7)). */
static void cork_timeout(void)
{
	connected_pair(&ends);
	CALL(set_int(ends.peer, IPPROTO_TCP, TCP_CORK, 1));
	CALL(send(ends.peer, "abc", 3, 0));
	CALL(poll_one(ends.fd, POLLIN, 1000));
	take(MSG_DONTWAIT, 10);
}

static void *read_all(void *argument)
{
	static char in[65536];
	int fd = *(int *)argument;
	unsigned long sum = 0;
	ssize_t len;

	while ((len = read(fd, in, sizeof(in))) > 0)
		for (ssize_t i = 0; i < len; i++)
			sum = sum * 31 + (unsigned char)in[i];
	return (void *)sum;
}

/* More than any buffer, from a blocking socket; the bytes as they were sent. */
static void blocking_send(void)
{
	unsigned long sum = 0;
	pthread_t reader;
	void *got;

	connected_pair(&ends);
	fill((unsigned char *)bytes, LARGE, 3);
	must("pthread_create", -pthread_create(&reader, NULL, read_all, &ends.fd));
	for (int i = 0; i < TOTAL / LARGE; i++) {
		for (int j = 0; j < LARGE; j++)
			sum = sum * 31 + (unsigned char)bytes[j];
		if (send(ends.peer, bytes, LARGE, 0) != LARGE)
			note("short send", i);
	}
	shutdown(ends.peer, SHUT_WR);
	pthread_join(reader, &got);
	note("all there", (unsigned long)got == sum);
}

static void partial_send(void)
{
	long sent = 0, len;
	unsigned long in = 0;

	connected_pair(&ends);
	set_nonblocking(ends.peer);
	set_nonblocking(ends.fd);
	while ((len = send(ends.peer, bytes, LARGE, 0)) > 0)
		sent += len;
	CALL(send(ends.peer, bytes, LARGE, 0));
	note("something was sent", sent > 0);
	note("writable", poll_one(ends.peer, POLLOUT, 0));
	for (int idle = 0; idle < 20; idle++) {
		while ((len = recv(ends.fd, bytes, LARGE, 0)) > 0) {
			in += len;
			idle = 0;
		}
		usleep(10000);
	}
	note("all there", in == (unsigned long)sent);
	note("writable again", poll_one(ends.peer, POLLOUT, 1000));
}

static void timeouts(void)
{
	struct timeval limit = { .tv_usec = 100000 }, shown;
	socklen_t len = sizeof(shown);

	connected_pair(&ends);
	CALL(setsockopt(ends.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	CALL(setsockopt(ends.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	CALL(getsockopt(ends.fd, SOL_SOCKET, SO_RCVTIMEO, &shown, &len));
	note("microseconds", shown.tv_usec);
	CALL(setsockopt(ends.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, 4));
	CALL(recv(ends.fd, bytes, 1, 0));
	send(ends.peer, "abc", 3, 0);
	take(MSG_WAITALL, 6);
	fill_up(ends.fd);
	CALL(send(ends.fd, bytes, LARGE, 0));
	limit.tv_usec = 1000000;
	CALL(setsockopt(ends.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	limit = (struct timeval) { .tv_sec = -1 };
	CALL(setsockopt(ends.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	CALL(recv(ends.fd, bytes, 1, 0));
}

/* A socket that is connected to itself: simultaneous open (RFC 9293 section 3.5). */
static void self_connect(void)
{
	struct sockaddr_in address = closed_port();

	ends.fd = stream_socket();
	CALL(bind(ends.fd, (struct sockaddr *)&address, sizeof(address)));
	CALL(connect(ends.fd, (struct sockaddr *)&address, sizeof(address)));
	CALL(send(ends.fd, "me", 2, 0));
	settle();
	take(MSG_DONTWAIT, 10);
	CALL(shutdown(ends.fd, SHUT_WR));
	settle();
	note_poll("shut", ends.fd);
	take(MSG_DONTWAIT, 10);
}

/* The same address twice: the four-tuple is taken. */
static void same_pair(void)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	int second = stream_socket();

	connected_pair(&ends);
	getsockname(ends.fd, (struct sockaddr *)&own, &len);
	set_int(second, SOL_SOCKET, SO_REUSEADDR, 1);
	CALL(bind(second, (struct sockaddr *)&own, sizeof(own)));
	set_int(ends.fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CALL(bind(second, (struct sockaddr *)&own, sizeof(own)));
	CALL(connect(second, (struct sockaddr *)&ends.address, sizeof(ends.address)));
}

static void info(void)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0xee, sizeof(info));
	connected_pair(&ends);
	CALL(getsockopt(ends.fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	note("state", info.tcpi_state);
	note("retransmits", info.tcpi_retransmits);
	note("window scale known", (info.tcpi_options & TCPI_OPT_WSCALE) != 0);
	note("timestamps", (info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0);
	len = 1;
	CALL(getsockopt(ends.fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	note("length", len);
	len = sizeof(info);
	CALL(getsockopt(ends.listener, IPPROTO_TCP, TCP_INFO, &info, &len));
	note("state", info.tcpi_state);
	shutdown(ends.fd, SHUT_WR);
	settle();
	getsockopt(ends.fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	note("state of who has shut", info.tcpi_state);
	getsockopt(ends.peer, IPPROTO_TCP, TCP_INFO, &info, &len);
	note("state of its peer", info.tcpi_state);
	shutdown(ends.peer, SHUT_WR);
	settle();
	getsockopt(ends.fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	note("state when both have shut", info.tcpi_state);
	len = sizeof(info);
	CALL(getsockopt(ends.fd, IPPROTO_UDP, TCP_INFO, &info, &len));
}

const struct call_case stream_cases[] = {
	{ "wait-all", wait_all }, { "wait-all-peek", wait_all_peek },
	{ "wait-all-nonblocking", wait_all_nonblocking }, { "wait-all-end", wait_all_end },
	{ "low-water", low_water }, { "peek", peek }, { "truncate", truncated }, { "vectors", vectors },
	{ "bad-pointer", bad_pointer }, { "more", more }, { "cork", cork },
	{ "cork-timeout", cork_timeout }, { "blocking-send", blocking_send },
	{ "partial-send", partial_send }, { "timeouts", timeouts }, { "self-connect", self_connect },
	{ "same-pair", same_pair }, { "info", info }, { 0 },
};
