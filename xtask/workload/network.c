// SPDX-License-Identifier: GPL-2.0-only
/* The interface, and sockets as all work needs them. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

long must(const char *what, long result)
{
	if (result < 0) {
		dprintf(1, "workload: %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

struct sockaddr_in address_of(const char *dotted, int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};

	if (inet_pton(AF_INET, dotted, &address.sin_addr) != 1) {
		dprintf(1, "workload: `%s` is not an address\n", dotted);
		exit(1);
	}
	return address;
}

static void interface_up(int fd, const char *name, const char *address)
{
	struct ifreq request = { 0 };
	struct sockaddr_in wanted = address_of(address, 0);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	memcpy(&request.ifr_addr, &wanted, sizeof(wanted));
	must("SIOCSIFADDR", ioctl(fd, SIOCSIFADDR, &request));
	must("SIOCGIFFLAGS", ioctl(fd, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	must("SIOCSIFFLAGS", ioctl(fd, SIOCSIFFLAGS, &request));
}

void network_up(const char *interface, const char *address)
{
	int fd = must("socket", socket(AF_INET, SOCK_DGRAM, 0));

	interface_up(fd, interface, address);
	close(fd);
}

/*
 * What the device would do for the stack, the stack does itself. A kernel that is
 * made without SIOCETHTOOL has a stack that leaves nothing to the device, and the
 * emulated 8139C+ never tells a driver that it has checked a sum.
 */
void offloads_off(const char *interface)
{
	static const unsigned int commands[] = {
		ETHTOOL_STSO, ETHTOOL_SSG, ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM,
	};
	int fd = must("socket", socket(AF_INET, SOCK_DGRAM, 0));
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct ethtool_value value = { .cmd = commands[i], .data = 0 };

		request.ifr_data = (void *)&value;
		if (ioctl(fd, SIOCETHTOOL, &request) < 0 && errno != EOPNOTSUPP)
			must("SIOCETHTOOL", -1);
	}
	close(fd);
}

/* Reno for everyone; a stack that has no other has no option for it either. */
int stream_socket(void)
{
	int fd = must("socket", socket(AF_INET, SOCK_STREAM, 0));

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) < 0 && errno != ENOPROTOOPT)
		must("TCP_CONGESTION", -1);
	return fd;
}

int dial(const char *peer, int port)
{
	struct sockaddr_in address = address_of(peer, port);
	int fd = stream_socket();

	must("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}
