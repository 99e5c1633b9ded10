// SPDX-License-Identifier: GPL-2.0-only
/*
 * UDP echo of every size from 0 to 1472 bytes, the most that one Ethernet
 * frame holds, then of sizes that are fragmented.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define FRAME_MAX 1472
#define WINDOW 8	/* datagrams on their way at a time */
#define LIMIT 5000	/* milliseconds */
#define LARGEST 8192

static const int fragmented[] = { 1473, 1480, 1481, 2960, 4096, 8000, LARGEST };

static unsigned char sent[LARGEST], received[LARGEST + 1];

/* Whether a datagram of this size came back as it was. */
static bool take(int fd, int size)
{
	if (!(poll_one(fd, POLLIN, LIMIT) & POLLIN))
		return false;
	if (recv(fd, received, sizeof(received), 0) != size)
		return false;
	fill(sent, size, size);
	return memcmp(sent, received, size) == 0;
}

static bool give(int fd, int size)
{
	fill(sent, size, size);
	return send(fd, sent, size, 0) == size;
}

void probe_datagrams(const char *peer, int echo_port)
{
	int good = 0, fd = datagram_socket();
	char name[32];

	must("udp-connect", connect_to(fd, peer, echo_port) ? -1 : 0);
	/* One direction keeps the order on this wire, so sizes come back in turn. */
	for (int first = 0; first <= FRAME_MAX; first += WINDOW) {
		int last = first + WINDOW - 1 < FRAME_MAX ? first + WINDOW - 1 : FRAME_MAX;
		int before = good;

		for (int size = first; size <= last; size++)
			if (!give(fd, size))
				break;
		for (int size = first; size <= last; size++)
			good += take(fd, size);
		if (good - before != last - first + 1) {
			snprintf(name, sizeof(name), "udp-echo-%d-to-%d", first, last);
			check_number(name, good - before, last - first + 1);
			break;
		}
	}
	check_number("udp-echo-0-to-1472", good, FRAME_MAX + 1);
	for (size_t i = 0; i < sizeof(fragmented) / sizeof(*fragmented); i++) {
		snprintf(name, sizeof(name), "udp-echo-%d", fragmented[i]);
		check_true(name, give(fd, fragmented[i]) && take(fd, fragmented[i]), "no such echo");
	}
	close(fd);
}
