// SPDX-License-Identifier: GPL-2.0-only
/* TCP connections: opened and closed by either side, and held open. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <termios.h>
#include <unistd.h>

#include "workload.h"

/* What is done before it is measured. */
#define WARM_UP 16

static void to_the_end(int fd)
{
	char byte;

	if (must("read", read(fd, &byte, 1)) != 0) {
		dprintf(1, "workload: a byte that nobody sent\n");
		exit(1);
	}
	close(fd);
}

static void make(const char *peer, int port, long count)
{
	while (count--) {
		int fd = dial(peer, port);

		must("shutdown", shutdown(fd, SHUT_WR));
		to_the_end(fd);
	}
}

void connections_made(const char *peer, int port, long count)
{
	make(peer, port, WARM_UP);
	mark_begin();
	make(peer, port, count);
	mark_end();
}

static void accept_from(int listener, long count)
{
	while (count--)
		to_the_end(must("accept", accept(listener, NULL, NULL)));
}

/* A datagram asks the peer to connect to the port that the datagram came from, again and again. */
void connections_taken(const char *peer, int port, long count)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in other = address_of(peer, port);
	int listener = stream_socket();
	int asking = must("socket", socket(AF_INET, SOCK_DGRAM, 0));

	must("bind", bind(listener, (struct sockaddr *)&own, sizeof(own)));
	must("bind", bind(asking, (struct sockaddr *)&own, sizeof(own)));
	must("listen", listen(listener, 8));
	must("sendto", sendto(asking, "go", 2, 0, (struct sockaddr *)&other, sizeof(other)));
	accept_from(listener, WARM_UP);
	mark_begin();
	accept_from(listener, count);
	mark_end();
}

static long free_memory(void)
{
	struct sysinfo info;

	must("sysinfo", sysinfo(&info));
	return (long)info.freeram * (long)info.mem_unit;
}

/* Says how much memory went, for the program and everything below it. */
void connections_idle(const char *peer, int port, long count)
{
	struct rlimit files = { .rlim_cur = count + 100, .rlim_max = count + 100 };
	long before;

	must("RLIMIT_NOFILE", setrlimit(RLIMIT_NOFILE, &files));
	for (int i = 0; i < WARM_UP; i++)
		dial(peer, port);
	before = free_memory();
	mark_begin();
	for (long i = 0; i < count; i++)
		dial(peer, port);
	mark_end();
	sleep(1);
	dprintf(1, "memory %ld\n", before - free_memory());
	tcdrain(1);
	mark_end();
}
