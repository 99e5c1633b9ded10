// SPDX-License-Identifier: GPL-2.0-only
/* Making sockets, naming them, and who may. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

static void kinds(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RDM, 7, 0 };
	static const int protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP, 255, 256,
					 999, -1 };
	char what[48];

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		for (size_t j = 0; j < sizeof(protocols) / sizeof(*protocols); j++) {
			int fd;

			snprintf(what, sizeof(what), "socket of type %d for protocol %d", types[i],
				 protocols[j]);
			errno = 0;
			fd = socket(AF_INET, types[i], protocols[j]);
			note_call(what, fd < 0 ? -1 : 0);
			close(fd);
		}
	}
}

static void families(void)
{
	int pair[2];

	CALL(socket(AF_INET6, SOCK_STREAM, 0) >= 0);
	CALL(socket(AF_UNSPEC, SOCK_STREAM, 0));
	CALL(socketpair(AF_INET, SOCK_STREAM, 0, pair));
	CALL(socketpair(AF_INET, SOCK_DGRAM, 0, pair));
}

static void flags(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	note("nonblocking", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	note("close on exec", fcntl(fd, F_GETFD));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(pread(fd, &fd, 1, 0));
	CALL(fsync(fd));
	CALL(ftruncate(fd, 0));
}

static void bind_twice(void)
{
	struct sockaddr_in address = closed_port();
	int first = stream_socket(), second = stream_socket();

	CALL(bind(first, (struct sockaddr *)&address, sizeof(address)));
	CALL(bind(first, (struct sockaddr *)&address, sizeof(address)));
	CALL(bind(second, (struct sockaddr *)&address, sizeof(address)));
	address.sin_addr.s_addr = INADDR_ANY;
	CALL(bind(second, (struct sockaddr *)&address, sizeof(address)));
	address = address_of("127.0.0.2", ntohs(address.sin_port));
	CALL(bind(second, (struct sockaddr *)&address, sizeof(address)));
}

/* Which of the two sockets asks to share, before either is bound. */
static void sharing(int type, int option)
{
	for (int asks = 0; asks < 4; asks++) {
		struct sockaddr_in address = closed_port();
		int first = socket(AF_INET, type, 0), second = socket(AF_INET, type, 0);

		note("asked by", asks);
		set_int(first, SOL_SOCKET, option, asks & 1);
		set_int(second, SOL_SOCKET, option, asks >> 1);
		CALL(bind(first, (struct sockaddr *)&address, sizeof(address)));
		CALL(bind(second, (struct sockaddr *)&address, sizeof(address)));
		if (type == SOCK_STREAM) {
			CALL(listen(first, 1));
			CALL(listen(second, 1));
		}
		close(first);
		close(second);
	}
}

static void reuse_address_stream(void)
{
	sharing(SOCK_STREAM, SO_REUSEADDR);
}

static void reuse_address_datagram(void)
{
	sharing(SOCK_DGRAM, SO_REUSEADDR);
}

static void reuse_port_stream(void)
{
	sharing(SOCK_STREAM, SO_REUSEPORT);
}

static void reuse_port_datagram(void)
{
	sharing(SOCK_DGRAM, SO_REUSEPORT);
}

/* SO_REUSEADDR of a listener's port; of one with connections; of one in TIME-WAIT. */
static void bind_again(void)
{
	struct ends ends;
	int fd = stream_socket();

	connected_pair(&ends);
	CALL(bind(fd, (struct sockaddr *)&ends.address, sizeof(ends.address)));
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CALL(bind(fd, (struct sockaddr *)&ends.address, sizeof(ends.address)));
	close(ends.listener);
	CALL(bind(fd, (struct sockaddr *)&ends.address, sizeof(ends.address)));
	close(ends.peer);
	settle();
	close(ends.fd);
	settle();
	CALL(bind(fd, (struct sockaddr *)&ends.address, sizeof(ends.address)));
	CALL(listen(fd, 1));
}

static void bind_families(void)
{
	struct sockaddr_in address = address_of("0.0.0.0", 0);
	char large[256] = { 0 };
	int fd = stream_socket();

	address.sin_family = AF_UNIX;
	CALL(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	address = address_of("127.0.0.1", 0);
	address.sin_family = AF_UNSPEC;
	CALL(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	CALL(bind(fd, (struct sockaddr *)large, 129));
	CALL(bind(fd, (struct sockaddr *)large, -1));
	CALL(bind(fd, (struct sockaddr *)large, 0));
	CALL(bind(fd, (struct sockaddr *)1, sizeof(address)));
	CALL(bind(fd, (struct sockaddr *)large, 128));
	CALL(bind(-1, (struct sockaddr *)&address, sizeof(address)));
	CALL(bind(0, (struct sockaddr *)&address, sizeof(address)));
}

static void bind_addresses(void)
{
	static const char *const addresses[] = {
		"127.0.0.1", "127.1.2.3", "127.255.255.255", "0.0.0.1", "224.0.0.1", "239.9.9.9",
		"255.255.255.255", "240.0.0.1", "203.0.113.9", NULL,
	};
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		for (const char *const *at = addresses; ; at++) {
			const char *dotted = *at ? *at : places.own;
			struct sockaddr_in address = address_of(dotted, 0), name;
			socklen_t len = sizeof(name);
			int fd = socket(AF_INET, types[i], 0), result;

			errno = 0;
			result = bind(fd, (struct sockaddr *)&address, sizeof(address));
			note_call(dotted, result);
			getsockname(fd, (struct sockaddr *)&name, &len);
			note_address("name", &name, false);
			close(fd);
			if (!*at)
				break;
		}
	}
	{
		struct sockaddr_in address = address_of(places.broadcast, 0);

		CALL(bind(stream_socket(), (struct sockaddr *)&address, sizeof(address)));
		CALL(bind(datagram_socket(), (struct sockaddr *)&address, sizeof(address)));
	}
}

static void ordinary_user(void)
{
	struct sockaddr_in low = address_of("127.0.0.1", 80), lowest = address_of("127.0.0.1", 1);
	struct sockaddr_in high = address_of("127.0.0.1", 1024);
	int fd = stream_socket();

	must("setuid", setuid(1000));
	CALL(bind(fd, (struct sockaddr *)&low, sizeof(low)));
	CALL(bind(fd, (struct sockaddr *)&lowest, sizeof(lowest)));
	CALL(bind(datagram_socket(), (struct sockaddr *)&low, sizeof(low)));
	CALL(bind(fd, (struct sockaddr *)&high, sizeof(high)));
	CALL(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	CALL(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
	CALL(socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
	CALL(set_int(fd, SOL_SOCKET, SO_MARK, 1));
	CALL(set_int(fd, SOL_SOCKET, SO_PRIORITY, 6));
	CALL(set_int(fd, SOL_SOCKET, SO_PRIORITY, 7));
	CALL(set_int(fd, SOL_SOCKET, SO_DEBUG, 1));
	CALL(set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4096));
	CALL(set_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1));
	CALL(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
}

static void bind_device(void)
{
	char name[16] = "?";
	socklen_t len = sizeof(name);
	int fd = stream_socket();

	CALL(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	note("length", len);
	CALL(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nowhere", 8));
	CALL(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
	len = sizeof(name);
	CALL(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	note("length", len);
	note_text("name", name);
	len = 2;
	CALL(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	set_nonblocking(fd);
	CALL(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
	len = sizeof(name);
	CALL(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	note("length", len);
	CALL(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5));
	CALL(connect_to(fd, places.peer, places.echo_port));
	note("connected", await(fd, POLLOUT));
}

static void descriptors(void)
{
	struct sockaddr_in address;
	int file = open("/proc/self/exe", O_RDONLY);

	CALL(listen(file, 1));
	CALL(accept(file, NULL, NULL));
	CALL(connect(file, (struct sockaddr *)&address, sizeof(address)));
	CALL(recv(file, &address, 1, 0));
	CALL(send(file, &address, 1, 0));
	CALL(shutdown(file, SHUT_RD));
	CALL(get_int(file, SOL_SOCKET, SO_ERROR));
	CALL(listen(99, 1));
	CALL(recv(99, &address, 1, 0));
	CALL(get_int(99, SOL_SOCKET, SO_ERROR));
}

const struct call_case create_cases[] = {
	{ "kinds", kinds }, { "families", families }, { "flags", flags }, { "bind-twice", bind_twice },
	{ "reuse-address-stream", reuse_address_stream },
	{ "reuse-address-datagram", reuse_address_datagram }, { "reuse-port-stream", reuse_port_stream },
	{ "reuse-port-datagram", reuse_port_datagram }, { "bind-again", bind_again },
	{ "bind-families", bind_families }, { "bind-addresses", bind_addresses },
	{ "ordinary-user", ordinary_user }, { "bind-device", bind_device },
	{ "descriptors", descriptors }, { 0 },
};
