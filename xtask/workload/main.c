// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chooses the work by the arguments:
 *
 *	workload INTERFACE ADDRESS OFFLOADS PEER PORT WORK COUNT SIZE
 *
 * OFFLOADS is `plain` to switch off what the device would do for the stack,
 * or `as-is`. What COUNT and SIZE count is WORK's affair.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

static int work(const char *name, const char *peer, int port, long count, long size)
{
	if (!strcmp(name, "receive"))
		stream_receive(peer, port, size, count);
	else if (!strcmp(name, "send"))
		stream_send(peer, port, size, count);
	else if (!strcmp(name, "exchange"))
		stream_exchange(peer, port, count, size);
	else if (!strcmp(name, "connect"))
		connections_made(peer, port, count);
	else if (!strcmp(name, "accept"))
		connections_taken(peer, port, count);
	else if (!strcmp(name, "idle"))
		connections_idle(peer, port, count);
	else if (!strcmp(name, "datagrams-out"))
		datagrams_send(peer, port, count, size);
	else if (!strcmp(name, "datagrams-in"))
		datagrams_receive(peer, port, count, size);
	else
		return 2;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 9) {
		dprintf(1, "workload: %d arguments\n", argc - 1);
		return 2;
	}
	network_up(argv[1], argv[2]);
	if (!strcmp(argv[3], "plain"))
		offloads_off(argv[1]);
	spin_in_background();
	mark_ready();
	return work(argv[6], argv[4], atoi(argv[5]), atol(argv[7]), atol(argv[8]));
}
