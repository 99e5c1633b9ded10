// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unloading the stack's module is refused as long as any socket is open, of
 * whatever kind and in whatever state. Linux says EAGAIN for a module in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

static int unload(void)
{
	return syscall(SYS_delete_module, "linnet", O_NONBLOCK) ? errno : 0;
}

void probe_module(const char *peer, int echo_port)
{
	static const struct {
		const char *name;
		int type, protocol;
	} kinds[] = {
		{ "unload-stream", SOCK_STREAM, 0 },
		{ "unload-datagram", SOCK_DGRAM, 0 },
		{ "unload-ping", SOCK_DGRAM, IPPROTO_ICMP },
	};
	struct sockaddr_in bound;
	int client, served, listener;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int fd = socket(AF_INET, kinds[i].type, kinds[i].protocol);

		must(kinds[i].name, fd);
		check_errno(kinds[i].name, unload(), EAGAIN);
		close(fd);
	}

	client = stream_socket();
	check_errno("unload-connect", connect_to(client, peer, echo_port), 0);
	check_errno("unload-connected", unload(), EAGAIN);
	close(client);

	/* What was accepted is a socket of its own, also without its listener. */
	listener = listen_on("127.0.0.1", 1, &bound);
	check_errno("unload-listening", unload(), EAGAIN);
	client = stream_socket();
	check_errno("unload-loopback", connect_to(client, "127.0.0.1", ntohs(bound.sin_port)), 0);
	served = accept(listener, NULL, NULL);
	must("unload-accept", served);
	close(client);
	close(listener);
	check_errno("unload-accepted", unload(), EAGAIN);
	close(served);
}
