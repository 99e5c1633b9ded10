// SPDX-License-Identifier: GPL-2.0-only
/* The errno of connections that are refused or reset, and of misuse. */
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

static void refused(const char *peer, int port)
{
	int fd = stream_socket();

	check_errno("refused-connect", connect_to(fd, peer, port), ECONNREFUSED);
	close(fd);

	fd = stream_socket();
	set_nonblocking(fd);
	check_errno("refused-in-progress", connect_to(fd, peer, port), EINPROGRESS);
	check_number("refused-poll", poll_one(fd, POLLIN | POLLOUT, 3000),
		     POLLIN | POLLOUT | POLLERR | POLLHUP);
	check_errno("refused-so-error", socket_error(fd), ECONNREFUSED);
	check_errno("refused-so-error-once", socket_error(fd), 0);
	close(fd);
}

static void reset(const char *peer, int port)
{
	char byte;
	int fd = stream_socket();

	check_errno("reset-connect", connect_to(fd, peer, port), 0);
	/* The peer answers the first byte with a reset. */
	check_number("reset-ask", write(fd, "x", 1), 1);
	check_number("reset-poll", poll_one(fd, POLLIN, 3000), POLLIN | POLLERR | POLLHUP);
	check_errno("reset-read", read(fd, &byte, 1) < 0 ? errno : 0, ECONNRESET);
	check_number("reset-read-again", read(fd, &byte, 1), 0);
	check_errno("reset-write", write(fd, "x", 1) < 0 ? errno : 0, EPIPE);
	close(fd);
}

/* The peer ends its half, and then resets: the end is read before the error is seen. */
static void reset_after_the_end(void)
{
	struct linger at_once = { .l_onoff = 1 };
	struct sockaddr_in bound;
	int listener = listen_on("127.0.0.1", 1, &bound);
	int client = stream_socket(), served;
	char byte;

	must("end-connect", connect(client, (struct sockaddr *)&bound, sizeof(bound)));
	served = accept(listener, NULL, NULL);
	must("end-accept", served);
	must("end-linger", setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
	must("end-shutdown", shutdown(client, SHUT_WR));
	check_number("end-poll", poll_one(served, POLLIN | POLLOUT, 3000), POLLIN | POLLOUT);
	close(client);
	check_number("end-reset-poll", poll_one(served, POLLIN | POLLOUT, 3000),
		     POLLIN | POLLOUT | POLLERR | POLLHUP);
	check_number("end-read", read(served, &byte, 1), 0);
	check_errno("end-so-error", socket_error(served), EPIPE);
	check_number("end-read-again", read(served, &byte, 1), 0);
	close(served);
	close(listener);
}

static void refused_datagram(const char *peer, int port)
{
	char byte;
	int fd = datagram_socket();

	check_errno("udp-connect", connect_to(fd, peer, port), 0);
	check_number("udp-send", send(fd, "x", 1, 0), 1);
	poll_one(fd, POLLIN, 3000);
	check_errno("udp-refused", recv(fd, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0, ECONNREFUSED);
	check_errno("udp-refused-once", recv(fd, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0, EAGAIN);
	close(fd);
}

static void misuse(const char *peer)
{
	struct sockaddr_in address = address_of(peer, 0);
	socklen_t len = sizeof(address);
	int fd = stream_socket();
	char byte;

	check_errno("bind-elsewhere",
		    bind(fd, (struct sockaddr *)&address, len) ? errno : 0, EADDRNOTAVAIL);
	check_errno("peer-of-none",
		    getpeername(fd, (struct sockaddr *)&address, &len) ? errno : 0, ENOTCONN);
	check_errno("read-of-none", read(fd, &byte, 1) < 0 ? errno : 0, ENOTCONN);
	check_errno("write-to-none", send(fd, "x", 1, MSG_NOSIGNAL) < 0 ? errno : 0, EPIPE);
	check_errno("shutdown-of-none", shutdown(fd, SHUT_WR) ? errno : 0, ENOTCONN);
	close(fd);

	fd = datagram_socket();
	check_errno("udp-write-to-none", send(fd, "x", 1, 0) < 0 ? errno : 0, EDESTADDRREQ);
	close(fd);
}

static int error_of_socket(int type, int protocol)
{
	int fd = socket(AF_INET, type, protocol);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* What the minimal profile lacks, and what programs open only to ask ioctls. */
static void raw(void)
{
	bool minimal = access("/proc/net/raw", F_OK);
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	must("raw-for-ioctl", fd);
	check_errno("raw-ioctl", ioctl(fd, SIOCGIFFLAGS, &ifr) ? errno : 0, 0);
	close(fd);
	check_errno("raw-of-nothing", error_of_socket(SOCK_RAW, 0), EPROTONOSUPPORT);
	check_errno("ping-datagram", error_of_socket(SOCK_DGRAM, IPPROTO_ICMP), 0);
	if (minimal) {
		check_errno("raw-icmp", error_of_socket(SOCK_RAW, IPPROTO_ICMP), EPROTONOSUPPORT);
		check_errno("raw-udp", error_of_socket(SOCK_RAW, IPPROTO_UDP), EPROTONOSUPPORT);
	}
	if (setresuid(-1, 65534, -1))
		return;
	check_errno("raw-of-nobody", error_of_socket(SOCK_RAW, IPPROTO_RAW), EPERM);
	must("raw-again-root", setresuid(-1, 0, -1));
}

void probe_errors(const char *peer, int closed_port, int reset_port)
{
	signal(SIGPIPE, SIG_IGN);
	refused(peer, closed_port);
	reset(peer, reset_port);
	reset_after_the_end();
	refused_datagram(peer, closed_port);
	misuse(peer);
	raw();
}
