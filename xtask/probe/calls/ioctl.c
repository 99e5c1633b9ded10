// SPDX-License-Identifier: GPL-2.0-only
/* Interfaces, routes and neighbours through ioctl, as ifconfig, route and arp use it. */
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "calls.h"

static int fd;
static struct ifreq request;

static void ask(const char *interface, unsigned int command, const char *what)
{
	memset(&request, 0, sizeof(request));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	errno = 0;
	note_call(what, ioctl(fd, command, &request));
}

static void ask_address(const char *interface, unsigned int command, const char *what)
{
	ask(interface, command, what);
	note_address("address", (struct sockaddr_in *)&request.ifr_addr, true);
}

static void interface(const char *name)
{
	fd = datagram_socket();
	ask_address(name, SIOCGIFADDR, "SIOCGIFADDR");
	ask_address(name, SIOCGIFNETMASK, "SIOCGIFNETMASK");
	ask_address(name, SIOCGIFBRDADDR, "SIOCGIFBRDADDR");
	ask_address(name, SIOCGIFDSTADDR, "SIOCGIFDSTADDR");
	ask(name, SIOCGIFFLAGS, "SIOCGIFFLAGS");
	note("flags", request.ifr_flags & (IFF_UP | IFF_BROADCAST | IFF_LOOPBACK | IFF_MULTICAST));
	ask(name, SIOCGIFMTU, "SIOCGIFMTU");
	note("MTU", request.ifr_mtu);
	ask(name, SIOCGIFMETRIC, "SIOCGIFMETRIC");
	ask(name, SIOCGIFINDEX, "SIOCGIFINDEX");
	note("index", request.ifr_ifindex);
	ask(name, SIOCGIFHWADDR, "SIOCGIFHWADDR");
	note("kind", request.ifr_hwaddr.sa_family);
}

static void loopback(void)
{
	interface("lo");
}

static void ethernet(void)
{
	interface("eth0");
}

static void absent(void)
{
	interface("nowhere0");
	ask("nowhere0", SIOCSIFADDR, "SIOCSIFADDR");
	ask("nowhere0", SIOCSIFFLAGS, "SIOCSIFFLAGS");
	ask("", SIOCGIFADDR, "no name");
}

static void list(void)
{
	struct ifreq entries[8];
	struct ifconf list = { .ifc_len = sizeof(entries), .ifc_req = entries };

	fd = datagram_socket();
	CALL(ioctl(fd, SIOCGIFCONF, &list));
	note("bytes", list.ifc_len);
	for (int i = 0; i < list.ifc_len / (int)sizeof(*entries); i++) {
		note_text("name", entries[i].ifr_name);
		note_address("address", (struct sockaddr_in *)&entries[i].ifr_addr, true);
	}
	list = (struct ifconf) { .ifc_len = 0 };
	CALL(ioctl(fd, SIOCGIFCONF, &list));
	note("bytes", list.ifc_len);
	list = (struct ifconf) { .ifc_len = sizeof(*entries) + 4, .ifc_req = entries };
	CALL(ioctl(fd, SIOCGIFCONF, &list));
	note("bytes", list.ifc_len);
	CALL(ioctl(fd, SIOCGIFCONF, (void *)1));
}

static void set_address(unsigned int command, const char *dotted, const char *what)
{
	struct sockaddr_in address = address_of(dotted, 0);

	memset(&request, 0, sizeof(request));
	strcpy(request.ifr_name, "lo");
	memcpy(&request.ifr_addr, &address, sizeof(address));
	errno = 0;
	note_call(what, ioctl(fd, command, &request));
}

/* Loopback gets other addresses, and at the end its own. */
static void change(void)
{
	fd = datagram_socket();
	set_address(SIOCSIFADDR, "127.0.0.5", "another address");
	ask_address("lo", SIOCGIFADDR, "then");
	ask_address("lo", SIOCGIFNETMASK, "its netmask");
	set_address(SIOCSIFNETMASK, "255.255.0.0", "another netmask");
	ask_address("lo", SIOCGIFNETMASK, "then");
	set_address(SIOCSIFNETMASK, "255.0.255.0", "a netmask with a hole");
	set_address(SIOCSIFADDR, "255.255.255.255", "no address for a host");
	set_address(SIOCSIFADDR, "127.0.0.1", "its own address");
	set_address(SIOCSIFNETMASK, "255.0.0.0", "its own netmask");
	ask_address("lo", SIOCGIFADDR, "at last");
	ask_address("lo", SIOCGIFNETMASK, "at last");
}

static void route(unsigned int command, const char *to, const char *mask, const char *gateway, int flags,
		  const char *what)
{
	struct sockaddr_in address;
	struct rtentry entry;

	memset(&entry, 0, sizeof(entry));
	address = address_of(to, 0);
	memcpy(&entry.rt_dst, &address, sizeof(address));
	address = address_of(mask, 0);
	memcpy(&entry.rt_genmask, &address, sizeof(address));
	address = address_of(gateway, 0);
	memcpy(&entry.rt_gateway, &address, sizeof(address));
	entry.rt_flags = flags;
	errno = 0;
	note_call(what, ioctl(fd, command, &entry));
}

static void routes(void)
{
	fd = datagram_socket();
	route(SIOCADDRT, "203.0.113.0", "255.255.255.0", places.peer, RTF_UP | RTF_GATEWAY, "add");
	route(SIOCADDRT, "203.0.113.0", "255.255.255.0", places.peer, RTF_UP | RTF_GATEWAY, "add again");
	route(SIOCADDRT, "203.0.113.7", "255.255.255.0", places.peer, RTF_UP | RTF_GATEWAY,
	      "bits beyond the netmask");
	route(SIOCADDRT, "203.0.113.7", "255.255.255.255", places.peer, RTF_UP | RTF_GATEWAY | RTF_HOST,
	      "a host");
	route(SIOCADDRT, "203.0.114.0", "255.255.255.0", "203.0.113.200", RTF_UP | RTF_GATEWAY,
	      "a gateway that is not a neighbour");
	route(SIOCADDRT, "203.0.114.0", "255.0.255.0", places.peer, RTF_UP | RTF_GATEWAY, "a bad netmask");
	route(SIOCADDRT, "203.0.114.0", "255.255.255.0", "0.0.0.0", RTF_UP, "neither gateway nor device");
	route(SIOCADDRT, "203.0.115.0", "255.255.255.0", places.own, RTF_UP | RTF_GATEWAY,
	      "our own address as the gateway");
	route(SIOCDELRT, "203.0.113.7", "255.255.255.255", "0.0.0.0", RTF_HOST, "delete the host");
	route(SIOCDELRT, "203.0.113.0", "255.255.255.0", places.peer, RTF_GATEWAY, "delete");
	route(SIOCDELRT, "203.0.113.0", "255.255.255.0", places.peer, RTF_GATEWAY, "delete again");
	CALL(ioctl(fd, SIOCADDRT, (void *)1));
}

/* A route that rejects: its sockets are told at once. */
static void rejected(void)
{
	struct sockaddr_in to = address_of("203.0.113.9", 9);

	fd = datagram_socket();
	route(SIOCADDRT, "203.0.113.9", "255.255.255.255", "0.0.0.0", RTF_UP | RTF_REJECT | RTF_HOST,
	      "reject");
	CALL(sendto(datagram_socket(), "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
	CALL(connect(stream_socket(), (struct sockaddr *)&to, sizeof(to)));
	route(SIOCDELRT, "203.0.113.9", "255.255.255.255", "0.0.0.0", RTF_REJECT | RTF_HOST, "delete");
}

static void neighbour(unsigned int command, const char *dotted, int flags, const char *device,
		      const char *what)
{
	struct sockaddr_in address = address_of(dotted, 0);
	struct arpreq entry;

	memset(&entry, 0, sizeof(entry));
	memcpy(&entry.arp_pa, &address, sizeof(address));
	entry.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(entry.arp_ha.sa_data, "\2\0\0\0\0\7", 6);
	entry.arp_flags = flags;
	snprintf(entry.arp_dev, sizeof(entry.arp_dev), "%s", device);
	errno = 0;
	note_call(what, ioctl(fd, command, &entry));
	if (command == SIOCGARP) {
		note("flags", entry.arp_flags);
		note_bytes("address", entry.arp_ha.sa_data, 6);
	}
}

static void neighbours(void)
{
	static const char *const host = "192.0.2.123";

	fd = datagram_socket();
	neighbour(SIOCGARP, host, 0, "eth0", "get what is not there");
	neighbour(SIOCSARP, host, ATF_PERM | ATF_COM, "eth0", "set");
	neighbour(SIOCGARP, host, 0, "eth0", "get");
	neighbour(SIOCSARP, host, ATF_COM, "", "set, by route");
	neighbour(SIOCDARP, host, 0, "eth0", "delete");
	neighbour(SIOCGARP, host, 0, "eth0", "get what was deleted");
	neighbour(SIOCGARP, "203.0.113.9", 0, "eth0", "get of another network");
	neighbour(SIOCGARP, host, 0, "nowhere0", "get of no device");
	neighbour(SIOCSARP, host, ATF_COM, "nowhere0", "set of no device");
}

static void unknown(void)
{
	fd = datagram_socket();
	CALL(ioctl(fd, 0x8999, &request));
	CALL(ioctl(fd, 0x1234, &request));
	CALL(ioctl(fd, SIOCGIFADDR, (void *)1));
	CALL(ioctl(stream_socket(), 0x8999, &request));
}

static void ordinary_user(void)
{
	fd = datagram_socket();
	must("setuid", setuid(1000));
	set_address(SIOCSIFADDR, "127.0.0.5", "SIOCSIFADDR");
	set_address(SIOCSIFNETMASK, "255.0.0.0", "SIOCSIFNETMASK");
	ask("lo", SIOCSIFFLAGS, "SIOCSIFFLAGS");
	ask("lo", SIOCSIFMTU, "SIOCSIFMTU");
	route(SIOCADDRT, "203.0.113.0", "255.255.255.0", places.peer, RTF_UP | RTF_GATEWAY, "SIOCADDRT");
	neighbour(SIOCSARP, "192.0.2.123", ATF_COM, "eth0", "SIOCSARP");
	ask_address("lo", SIOCGIFADDR, "SIOCGIFADDR");
}

const struct call_case ioctl_cases[] = {
	{ "loopback", loopback }, { "ethernet", ethernet }, { "absent", absent }, { "list", list },
	{ "change", change }, { "routes", routes }, { "rejected", rejected },
	{ "neighbours", neighbours }, { "unknown", unknown }, { "ordinary-user", ordinary_user }, { 0 },
};
