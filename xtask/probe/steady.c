// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCP connection and a UDP socket that exchange something all the time, and
 * a listener, while something happens to the machine: until a file appears.
 * Datagrams may get lost before that; of the stream, nothing may, ever.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define SIZE 64
#define PAUSE 50000	/* microseconds */
#define LIMIT 60000	/* milliseconds: TCP's timer has backed off */
#define TRIES 50

static unsigned char out[SIZE], in[SIZE];

/* One round trip of the stream; false, with errno, if it ended or differs. */
static bool stream_round(int fd, int round)
{
	int have = 0;

	fill(out, SIZE, round);
	if (send(fd, out, SIZE, MSG_NOSIGNAL) != SIZE)
		return false;
	while (have < SIZE) {
		ssize_t len;

		errno = ETIMEDOUT;
		if (!poll_one(fd, POLLIN, LIMIT))
			return false;
		errno = 0;
		len = recv(fd, in + have, SIZE - have, 0);
		if (len <= 0)
			return false;
		have += len;
	}
	return memcmp(in, out, SIZE) == 0;
}

/* A datagram and its echo; whatever comes late from before is skipped. */
static bool datagram_round(int fd, int round, int milliseconds)
{
	fill(out, SIZE, round);
	if (send(fd, out, SIZE, 0) != SIZE)
		return false;
	while (poll_one(fd, POLLIN, milliseconds) & POLLIN)
		if (recv(fd, in, SIZE, MSG_DONTWAIT) == SIZE && !memcmp(in, out, SIZE))
			return true;
	return false;
}

void probe_steady(const char *peer, int echo_port, const char *stop)
{
	int stream = stream_socket(), datagrams = datagram_socket();
	struct sockaddr_in bound;
	int listener = listen_on("0.0.0.0", 5, &bound), client;
	bool good = true, last = false, echoed = false;
	int round = 0;

	must("steady-connect", connect_to(stream, peer, echo_port) ? -1 : 0);
	must("steady-udp-connect", connect_to(datagrams, peer, echo_port) ? -1 : 0);
	while (good && !last) {
		last = access(stop, F_OK) == 0;
		good = stream_round(stream, ++round);
		datagram_round(datagrams, round, 0);
		usleep(PAUSE);
	}
	check_errno("steady-stream", good ? 0 : errno ? errno : EPROTO, 0);
	for (int i = 0; i < TRIES && !echoed; i++)
		echoed = datagram_round(datagrams, ++round, 200);
	check_true("steady-datagram", echoed, "no echo");
	client = stream_socket();
	check_errno("steady-listener", connect_to(client, "127.0.0.1", ntohs(bound.sin_port)), 0);
	printf("rounds %d\n", round);
	close(client);
	close(listener);
	close(datagrams);
	close(stream);
}
