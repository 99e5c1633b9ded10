// SPDX-License-Identifier: GPL-2.0-only
/* Multicast groups: joined, left, sent to, heard (RFC 1112, ip(7)). */
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

#define GROUP "239.1.2.3"

static char bytes[64];

static struct ip_mreq group(const char *dotted, const char *interface)
{
	return (struct ip_mreq) {
		.imr_multiaddr = address_of(dotted, 0).sin_addr,
		.imr_interface = address_of(interface, 0).sin_addr,
	};
}

/* A socket bound to any address and to a port, which *address has. */
static int receiver(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = datagram_socket();

	*address = address_of("0.0.0.0", 0);
	must("bind", bind(fd, (struct sockaddr *)address, len));
	getsockname(fd, (struct sockaddr *)address, &len);
	set_nonblocking(fd);
	return fd;
}

static int sender(void)
{
	struct in_addr through = address_of(places.own, 0).sin_addr;
	int fd = datagram_socket();

	must("multicast-if", setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &through, sizeof(through)));
	return fd;
}

static void membership(void)
{
	struct ip_mreq one = group(GROUP, places.own), bad = group("192.0.2.3", places.own);
	struct ip_mreq elsewhere = group(GROUP, "203.0.113.77"), any = group("239.4.5.6", "0.0.0.0");
	int fd = datagram_socket();

	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &bad, sizeof(bad)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &elsewhere, sizeof(elsewhere)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &any, sizeof(any)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, 4));
	CALL(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &bad, sizeof(bad)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &one, sizeof(one)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &one, sizeof(one)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &any, sizeof(any)));
	CALL(setsockopt(stream_socket(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
}

static void by_index(void)
{
	struct ip_mreqn one = { .imr_multiaddr = address_of(GROUP, 0).sin_addr, .imr_ifindex = 2 };
	struct ip_mreqn other = one;
	int fd = datagram_socket();

	other.imr_ifindex = 99;
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &other, sizeof(other)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &one, sizeof(one)));
	other.imr_ifindex = 1;
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &other, sizeof(other)));
}

static void many(void)
{
	int fd = datagram_socket(), joined = 0;

	for (int i = 1; i <= 25; i++) {
		struct ip_mreq one = group(GROUP, places.own);

		one.imr_multiaddr.s_addr = htonl(0xef010200 + i);
		errno = 0;
		if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)))
			break;
		joined++;
	}
	note("joined", joined);
	note_call("the next", errno ? -1 : 0);
}

static void heard(void)
{
	struct ip_mreq one = group(GROUP, places.own);
	struct sockaddr_in address, to;
	int fd = receiver(&address), out = sender();

	to = address_of(GROUP, ntohs(address.sin_port));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	CALL(sendto(out, "joined", 6, 0, (struct sockaddr *)&to, sizeof(to)));
	settle();
	note_poll("joined", fd);
	CALL(recv(fd, bytes, sizeof(bytes), 0));
	CALL(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &one, sizeof(one)));
	CALL(sendto(out, "left", 4, 0, (struct sockaddr *)&to, sizeof(to)));
	settle();
	note_poll("left", fd);
	CALL(recv(fd, bytes, sizeof(bytes), 0));
}

static void not_looped(void)
{
	struct ip_mreq one = group(GROUP, places.own);
	struct sockaddr_in address, to;
	int fd = receiver(&address), out = sender();

	to = address_of(GROUP, ntohs(address.sin_port));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	CALL(set_int(out, IPPROTO_IP, IP_MULTICAST_LOOP, 0));
	CALL(sendto(out, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
	settle();
	CALL(recv(fd, bytes, sizeof(bytes), 0));
}

/* Two that joined, one port: both hear it. */
static void two_hear(void)
{
	struct ip_mreq one = group(GROUP, places.own);
	struct sockaddr_in address, to;
	int first = datagram_socket(), second = datagram_socket(), out = sender();
	socklen_t len = sizeof(address);

	set_int(first, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(second, SOL_SOCKET, SO_REUSEADDR, 1);
	address = address_of("0.0.0.0", 0);
	must("bind", bind(first, (struct sockaddr *)&address, len));
	getsockname(first, (struct sockaddr *)&address, &len);
	CALL(bind(second, (struct sockaddr *)&address, len));
	CALL(setsockopt(first, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	CALL(setsockopt(second, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	to = address_of(GROUP, ntohs(address.sin_port));
	CALL(sendto(out, "both", 4, 0, (struct sockaddr *)&to, sizeof(to)));
	settle();
	CALL(recv(first, bytes, sizeof(bytes), MSG_DONTWAIT));
	CALL(recv(second, bytes, sizeof(bytes), MSG_DONTWAIT));
}

static void bound_to_group(void)
{
	struct ip_mreq one = group(GROUP, places.own);
	struct sockaddr_in address = address_of(GROUP, 0);
	socklen_t len = sizeof(address);
	int fd = datagram_socket(), out = sender();

	CALL(bind(fd, (struct sockaddr *)&address, len));
	CALL(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	getsockname(fd, (struct sockaddr *)&address, &len);
	CALL(sendto(out, "x", 1, 0, (struct sockaddr *)&address, len));
	settle();
	CALL(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT));
	CALL(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, len));
	CALL(connect(stream_socket(), (struct sockaddr *)&address, len));
}

static void interface(void)
{
	struct in_addr through = address_of(places.own, 0).sin_addr, shown = { 1 };
	struct in_addr none = { 0 }, foreign = address_of("203.0.113.77", 0).sin_addr;
	struct ip_mreqn by_index = { .imr_ifindex = 1 };
	socklen_t len = sizeof(shown);
	int fd = datagram_socket();

	CALL(getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &shown, &len));
	note("default", shown.s_addr);
	CALL(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &foreign, sizeof(foreign)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &through, sizeof(through)));
	CALL(getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &shown, &len));
	note("the one that was set", shown.s_addr == through.s_addr);
	CALL(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by_index, sizeof(by_index)));
	by_index.imr_ifindex = 99;
	CALL(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by_index, sizeof(by_index)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &none, sizeof(none)));
	CALL(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &none, 2));
}

/* The group is left when the socket is closed. */
static void closed(void)
{
	struct ip_mreq one = group(GROUP, places.own);
	struct sockaddr_in address, to;
	int fd = receiver(&address), member = datagram_socket(), out = sender();

	CALL(setsockopt(member, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof(one)));
	CALL(set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0));
	to = address_of(GROUP, ntohs(address.sin_port));
	CALL(sendto(out, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
	settle();
	note_poll("another has joined", fd);
	close(member);
	CALL(sendto(out, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
	settle();
	note_poll("and left", fd);
}

const struct call_case multicast_cases[] = {
	{ "membership", membership }, { "by-index", by_index }, { "many", many }, { "heard", heard },
	{ "not-looped", not_looped }, { "two-hear", two_hear }, { "bound-to-group", bound_to_group },
	{ "interface", interface }, { "closed", closed }, { 0 },
};
