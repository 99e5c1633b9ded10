// SPDX-License-Identifier: GPL-2.0-only
/* TCP and UDP from the guest to itself: through 127.0.0.1 and through its own address. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#define TOTAL (512 * 1024)
#define CHUNK 8192
#define LIMIT 5000	/* milliseconds */

static unsigned char out[CHUNK], in[CHUNK];

/* In a process of its own: sends TOTAL bytes and ends. */
static void send_all(const struct sockaddr_in *to)
{
	int fd = stream_socket();

	must("loopback-connect", connect(fd, (const struct sockaddr *)to, sizeof(*to)));
	for (int at = 0; at < TOTAL; at += CHUNK) {
		fill(out, CHUNK, at);
		must("loopback-write", write(fd, out, CHUNK) == CHUNK ? 0 : -1);
	}
	_exit(0);
}

static void stream(const char *name, const char *address)
{
	struct sockaddr_in bound;
	int listener = listen_on(address, 1, &bound);
	int served, status, good = 0, at = 0;
	pid_t child = fork();
	ssize_t len;

	must("fork", child);
	if (child == 0)
		send_all(&bound);
	served = accept(listener, NULL, NULL);
	must("loopback-accept", served);
	while ((len = recv(served, in, CHUNK, MSG_WAITALL)) > 0) {
		fill(out, len, at);
		good += memcmp(in, out, len) == 0 ? len : 0;
		at += len;
	}
	check_number(name, good, TOTAL);
	waitpid(child, &status, 0);
	close(served);
	close(listener);
}

static void datagram(const char *name, const char *address, int size)
{
	struct sockaddr_in bound = address_of(address, 0), from;
	socklen_t len = sizeof(bound);
	int receiver = datagram_socket(), sender = datagram_socket();
	bool same;

	must("bind-datagram", bind(receiver, (struct sockaddr *)&bound, len));
	must("getsockname", getsockname(receiver, (struct sockaddr *)&bound, &len));
	fill(out, size, size);
	must(name, sendto(sender, out, size, 0, (struct sockaddr *)&bound, len) == size ? 0 : -1);
	poll_one(receiver, POLLIN, LIMIT);
	same = recvfrom(receiver, in, sizeof(in), MSG_DONTWAIT, (struct sockaddr *)&from, &len) == size &&
	       memcmp(in, out, size) == 0 && from.sin_addr.s_addr == bound.sin_addr.s_addr;
	check_true(name, same, "no such datagram");
	close(receiver);
	close(sender);
}

void probe_loopback(const char *own)
{
	stream("loopback-tcp", "127.0.0.1");
	stream("own-address-tcp", own);
	datagram("loopback-udp", "127.0.0.1", 1000);
	datagram("own-address-udp", own, 1000);
	datagram("loopback-udp-8000", "127.0.0.1", 8000);
}
