// SPDX-License-Identifier: GPL-2.0-only
/* TCP: bulk in each direction, and requests with their answers. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/tcp.h>

#include "workload.h"

static char bytes[32768];

static void take(int fd, long left)
{
	while (left > 0) {
		size_t most = left < (long)sizeof(bytes) ? (size_t)left : sizeof(bytes);
		long got = must("read", read(fd, bytes, most));

		if (!got) {
			dprintf(1, "workload: the stream ended %ld bytes early\n", left);
			exit(1);
		}
		left -= got;
	}
}

static void give(int fd, long left)
{
	while (left > 0) {
		size_t most = left < (long)sizeof(bytes) ? (size_t)left : sizeof(bytes);

		left -= must("write", write(fd, bytes, most));
	}
}

void stream_receive(const char *peer, int port, long warm_up, long count)
{
	int fd = dial(peer, port);

	take(fd, warm_up);
	mark_begin();
	take(fd, count);
	mark_end();
}

/* The peer answers with one byte when it has all of the warm-up, and with another at the end. */
void stream_send(const char *peer, int port, long warm_up, long count)
{
	int fd = dial(peer, port);

	if (warm_up) {
		give(fd, warm_up);
		take(fd, 1);
	}
	mark_begin();
	give(fd, count);
	take(fd, 1);
	mark_end();
}

void stream_exchange(const char *peer, int port, long rounds, size_t size)
{
	int fd = dial(peer, port);
	int on = 1;

	must("TCP_NODELAY", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	for (int round = 0; round < 16; round++) {
		give(fd, size);
		take(fd, size);
	}
	mark_begin();
	for (long round = 0; round < rounds; round++) {
		give(fd, size);
		take(fd, size);
	}
	mark_end();
}
