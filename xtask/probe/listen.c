// SPDX-License-Identifier: GPL-2.0-only
/* Listening: accept that does not wait, addresses, a port in use, the backlog. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#define LIMIT 15000	/* milliseconds */
#define BACKLOG 2
#define CLIENTS 6

static int bind_shared(int fd, const struct sockaddr_in *address)
{
	int on = 1;

	must("reuse-port", setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)));
	return bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
}

/* SO_REUSEPORT is for the sockets of one user. */
static void shared_port(void)
{
	struct sockaddr_in bound = address_of("127.0.0.1", 0);
	socklen_t len = sizeof(bound);
	int first = stream_socket(), second = stream_socket(), status = -1;
	pid_t child;

	check_errno("share-first", bind_shared(first, &bound), 0);
	must("getsockname", getsockname(first, (struct sockaddr *)&bound, &len));
	check_errno("share-same-user", bind_shared(second, &bound), 0);
	child = fork();
	must("fork", child);
	if (child == 0) {
		if (setuid(1000))
			_exit(0);
		_exit(bind_shared(stream_socket(), &bound));
	}
	waitpid(child, &status, 0);
	check_errno("share-other-user", WIFEXITED(status) ? WEXITSTATUS(status) : -1, EADDRINUSE);
	close(first);
	close(second);
}

void probe_listen(void)
{
	struct sockaddr_in bound, from, peer;
	socklen_t len = sizeof(from);
	int client = stream_socket(), other = stream_socket();
	int listener = listen_on("127.0.0.1", 5, &bound);
	int served;

	set_nonblocking(listener);
	check_number("listen-poll", poll_one(listener, POLLIN | POLLOUT, 0), 0);
	check_errno("accept-nobody", accept(listener, NULL, NULL) < 0 ? errno : 0, EAGAIN);
	check_errno("bind-in-use",
		    bind(other, (struct sockaddr *)&bound, sizeof(bound)) ? errno : 0, EADDRINUSE);

	check_errno("connect-listener",
		    connect(client, (struct sockaddr *)&bound, sizeof(bound)) ? errno : 0, 0);
	check_number("accept-poll", poll_one(listener, POLLIN | POLLOUT, LIMIT), POLLIN);
	served = accept(listener, (struct sockaddr *)&from, &len);
	check_true("accept", served >= 0, "an error");
	must("getsockname", getsockname(client, (struct sockaddr *)&peer, &len));
	check_number("accept-address", from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	check_number("accept-port", ntohs(from.sin_port), ntohs(peer.sin_port));
	check_errno("accept-again", accept(listener, NULL, NULL) < 0 ? errno : 0, EAGAIN);
	close(served);
	close(client);
	close(other);
	close(listener);
	shared_port();
}

/*
 * Linux lets BACKLOG + 1 connections wait to be accepted, drops further SYNs
 * without a reset, and lets them in when they are sent again.
 */
void probe_backlog(void)
{
	struct sockaddr_in bound;
	int listener = listen_on("127.0.0.1", BACKLOG, &bound);
	int clients[CLIENTS], connected = 0, failed = 0, accepted = 0;

	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = stream_socket();
		set_nonblocking(clients[i]);
		connect(clients[i], (struct sockaddr *)&bound, sizeof(bound));
		/* Loopback: what gets through at all is through at once. */
		usleep(20000);
	}
	for (int i = 0; i < CLIENTS; i++) {
		int events = poll_one(clients[i], POLLOUT, 0);

		connected += events == POLLOUT;
		failed += (events & POLLERR) != 0;
	}
	check_number("backlog-waiting", connected, BACKLOG + 1);
	check_number("backlog-not-reset", failed, 0);
	while (accepted < CLIENTS && poll_one(listener, POLLIN, LIMIT) == POLLIN) {
		int served = accept(listener, NULL, NULL);

		must("backlog-accept", served);
		accepted++;
		close(served);
	}
	check_number("backlog-all-served", accepted, CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(listener);
}
