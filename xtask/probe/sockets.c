// SPDX-License-Identifier: GPL-2.0-only
/* Sockets made and used as every check needs them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "probe.h"

/* Without this much nothing can be checked: say what is missing and end. */
void must(const char *what, int result)
{
	if (result >= 0)
		return;
	printf("%s FAIL got %d (%s) expected success\n", what, errno, strerror(errno));
	exit(2);
}

struct sockaddr_in address_of(const char *dotted, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, dotted, &address.sin_addr) != 1) {
		printf("address FAIL got %s expected a dotted quad\n", dotted);
		exit(2);
	}
	return address;
}

int stream_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must("socket-stream", fd);
	return fd;
}

int datagram_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	must("socket-datagram", fd);
	return fd;
}

/* Returns 0 or the errno. */
int connect_to(int fd, const char *dotted, int port)
{
	struct sockaddr_in address = address_of(dotted, port);

	return connect(fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
}

/* Listens on a port that the stack chooses, and tells it in *bound. */
int listen_on(const char *dotted, int backlog, struct sockaddr_in *bound)
{
	socklen_t len = sizeof(*bound);
	int fd = stream_socket();

	*bound = address_of(dotted, 0);
	must("bind", bind(fd, (struct sockaddr *)bound, len));
	must("listen", listen(fd, backlog));
	must("getsockname", getsockname(fd, (struct sockaddr *)bound, &len));
	return fd;
}

void set_nonblocking(int fd)
{
	must("fcntl", fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
}

int socket_error(int fd)
{
	socklen_t len = sizeof(int);
	int error = -1;

	must("so-error", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	return error;
}

/* What poll says about one socket; 0 if nothing within the time. */
int poll_one(int fd, short events, int milliseconds)
{
	struct pollfd item = { .fd = fd, .events = events };

	must("poll", poll(&item, 1, milliseconds));
	return item.revents;
}

/* Reproducible bytes that differ by place and seed. */
void fill(unsigned char *bytes, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		bytes[i] = seed >> 16;
	}
}
