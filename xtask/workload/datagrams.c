// SPDX-License-Identifier: GPL-2.0-only
/* UDP datagrams, in each direction. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

/* What is done before it is measured. */
#define WARM_UP 16

static char bytes[2048];

static int connected(const char *peer, int port)
{
	struct sockaddr_in address = address_of(peer, port);
	int fd = must("socket", socket(AF_INET, SOCK_DGRAM, 0));

	must("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static void give(int fd, long count, size_t size)
{
	while (count--)
		must("send", send(fd, bytes, size, 0));
}

void datagrams_send(const char *peer, int port, long count, size_t size)
{
	int fd = connected(peer, port);

	give(fd, WARM_UP, size);
	mark_begin();
	give(fd, count, size);
	mark_end();
}

static void take(int fd, long count, size_t size)
{
	while (count--) {
		size_t got = must("recv", recv(fd, bytes, sizeof(bytes), 0));

		if (got != size) {
			dprintf(1, "workload: a datagram of %zu bytes\n", got);
			exit(1);
		}
	}
}

/* The first datagram asks for all the others. */
void datagrams_receive(const char *peer, int port, long count, size_t size)
{
	int fd = connected(peer, port);

	give(fd, 1, 1);
	take(fd, WARM_UP, size);
	mark_begin();
	take(fd, count, size);
	mark_end();
}
