// SPDX-License-Identifier: GPL-2.0-only
/* Socket options: defaults, what is taken and shown, which lengths and values are refused. */
#include <limits.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"

struct option {
	const char *name;
	int level, number;
	int good;	/* a value that all accept */
};

#define SOCKET(name, good) { #name, SOL_SOCKET, name, good }
#define TCP(name, good) { #name, IPPROTO_TCP, name, good }
#define IP(name, good) { #name, IPPROTO_IP, name, good }

static const struct option options[] = {
	SOCKET(SO_BROADCAST, 1), SOCKET(SO_DEBUG, 0), SOCKET(SO_DONTROUTE, 1), SOCKET(SO_KEEPALIVE, 1),
	SOCKET(SO_OOBINLINE, 1), SOCKET(SO_REUSEADDR, 1), SOCKET(SO_REUSEPORT, 1),
	SOCKET(SO_RCVLOWAT, 7), SOCKET(SO_SNDLOWAT, 7), SOCKET(SO_TYPE, 1), SOCKET(SO_ERROR, 1),
	SOCKET(SO_PROTOCOL, 1), SOCKET(SO_DOMAIN, 2), SOCKET(SO_ACCEPTCONN, 1), SOCKET(SO_PRIORITY, 3),
	SOCKET(SO_TIMESTAMP, 1), SOCKET(SO_MARK, 9), SOCKET(SO_NO_CHECK, 1), SOCKET(SO_PASSCRED, 1),
	SOCKET(SO_INCOMING_CPU, 0), SOCKET(SO_BUSY_POLL, 0),
	TCP(TCP_NODELAY, 1), TCP(TCP_CORK, 1), TCP(TCP_QUICKACK, 1), TCP(TCP_KEEPIDLE, 33),
	TCP(TCP_KEEPINTVL, 44), TCP(TCP_KEEPCNT, 5), TCP(TCP_SYNCNT, 3), TCP(TCP_LINGER2, 20),
	TCP(TCP_DEFER_ACCEPT, 3), TCP(TCP_WINDOW_CLAMP, 20000), TCP(TCP_USER_TIMEOUT, 5000),
	TCP(TCP_MAXSEG, 1000), TCP(TCP_NOTSENT_LOWAT, 9000), TCP(TCP_FASTOPEN, 0),
	{ "TCP-77", IPPROTO_TCP, 77, 1 },
	IP(IP_TTL, 33), IP(IP_TOS, 0x10), IP(IP_HDRINCL, 1), IP(IP_MTU_DISCOVER, 2), IP(IP_MTU, 1000),
	IP(IP_RECVERR, 1), IP(IP_PKTINFO, 1), IP(IP_RECVTTL, 1), IP(IP_RECVTOS, 1), IP(IP_FREEBIND, 1),
	IP(IP_MULTICAST_TTL, 9), IP(IP_MULTICAST_LOOP, 0), IP(IP_MINTTL, 5), IP(IP_TRANSPARENT, 0),
	IP(IP_RECVOPTS, 1), IP(IP_RETOPTS, 1), IP(IP_ROUTER_ALERT, 0), IP(IP_BIND_ADDRESS_NO_PORT, 1),
	{ "IP-99", IPPROTO_IP, 99, 1 }, { "UDP-77", IPPROTO_UDP, 77, 1 }, { "IPV6-1", IPPROTO_IPV6, 1, 1 },
};

static const struct {
	const char *name;
	int type, protocol;
} kinds[] = {
	{ "stream", SOCK_STREAM, 0 }, { "datagram", SOCK_DGRAM, 0 }, { "ping", SOCK_DGRAM, IPPROTO_ICMP },
};

struct option_case {
	const struct option *option;
	int type, protocol;
};

/* Value and length as getsockopt gives them for so much room. */
static void show(const char *what, int fd, const struct option *option, int room)
{
	unsigned char value[8];
	socklen_t len = room;
	char line[48];
	int result;

	memset(value, 0xee, sizeof(value));
	errno = 0;
	result = getsockopt(fd, option->level, option->number, value, &len);
	note_call(what, result);
	if (result)
		return;
	snprintf(line, sizeof(line), "%s, length", what);
	note(line, len);
	snprintf(line, sizeof(line), "%s, bytes", what);
	note_bytes(line, value, sizeof(value));
}

static void set(const char *what, int fd, const struct option *option, int value, socklen_t len)
{
	errno = 0;
	note_call(what, setsockopt(fd, option->level, option->number, &value, len));
}

static void run(const void *argument)
{
	const struct option_case *it = argument;
	const struct option *option = it->option;
	int fd = socket(AF_INET, it->type, it->protocol);

	must("socket", fd);
	show("default", fd, option, 4);
	set("set", fd, option, option->good, 4);
	show("then", fd, option, 4);
	show("in one byte", fd, option, 1);
	show("in two bytes", fd, option, 2);
	show("in eight bytes", fd, option, 8);
	show("in none", fd, option, 0);
	show("in less than none", fd, option, -1);
	set("set from one byte", fd, option, option->good, 1);
	set("set from two bytes", fd, option, option->good, 2);
	set("set from none", fd, option, option->good, 0);
	show("then", fd, option, 4);
	errno = 0;
	note_call("set from nowhere", setsockopt(fd, option->level, option->number, (void *)1, 4));
}

/* What is out of range differs by option: the edges of the usual ones. */
static void run_range(const void *argument)
{
	static const int values[] = { INT_MIN, -2, -1, 0, 1, 2, 3, 4, 127, 128, 255, 256, 32767, 32768,
				      65535, 65536, INT_MAX };
	const struct option_case *it = argument;
	const struct option *option = it->option;
	char what[48];

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		int fd = socket(AF_INET, it->type, it->protocol);

		must("socket", fd);
		snprintf(what, sizeof(what), "set %d", values[i]);
		set(what, fd, option, values[i], 4);
		snprintf(what, sizeof(what), "then, after %d", values[i]);
		show(what, fd, option, 4);
	}
}

void calls_options(void)
{
	char name[80];

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		for (size_t j = 0; j < sizeof(kinds) / sizeof(*kinds); j++) {
			struct option_case it = { &options[i], kinds[j].type, kinds[j].protocol };

			if (options[i].level == IPPROTO_TCP && j > 0)
				continue;
			snprintf(name, sizeof(name), "option/%s/%s", options[i].name, kinds[j].name);
			case_run(name, run, &it);
			snprintf(name, sizeof(name), "option-range/%s/%s", options[i].name, kinds[j].name);
			case_run(name, run_range, &it);
		}
	}
}
