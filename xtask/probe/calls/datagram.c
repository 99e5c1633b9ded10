// SPDX-License-Identifier: GPL-2.0-only
/* Datagrams: boundaries, truncation, connected and not, ancillary data, broadcast. */
#define _GNU_SOURCE
#include <linux/sockios.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "calls.h"

static char bytes[66000];
static struct ends ends;

static void take(int flags, size_t len)
{
	long got = CALL(recv(ends.fd, bytes, len, flags | MSG_DONTWAIT));

	if (got > 0)
		note_bytes("bytes", bytes, got < (long)len ? got : (long)len);
}

static void boundaries(void)
{
	datagram_pair(&ends);
	send(ends.peer, "one", 3, 0);
	send(ends.peer, "", 0, 0);
	send(ends.peer, "three", 5, 0);
	settle();
	note_poll("three wait", ends.fd);
	take(0, 64);
	take(0, 64);
	take(0, 64);
	take(0, 64);
}

static void truncation(void)
{
	struct iovec part = { bytes, 2 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	datagram_pair(&ends);
	for (int i = 0; i < 5; i++)
		send(ends.peer, "abcdef", 6, 0);
	settle();
	take(0, 2);
	take(MSG_TRUNC, 2);
	take(MSG_PEEK | MSG_TRUNC, 2);
	CALL(recvmsg(ends.fd, &message, 0));
	note("flags", message.msg_flags);
	CALL(recvmsg(ends.fd, &message, MSG_TRUNC));
	note("flags", message.msg_flags);
	part.iov_len = 6;
	CALL(recvmsg(ends.fd, &message, 0));
	note("flags", message.msg_flags);
}

static void sizes(void)
{
	static const int all[] = { 0, 1, 1471, 1472, 1473, 9000, 32000, 65507, 65508, 70000 };
	char what[48];

	datagram_pair(&ends);
	set_int(ends.fd, SOL_SOCKET, SO_RCVBUF, 200000);
	set_int(ends.peer, SOL_SOCKET, SO_SNDBUF, 200000);
	fill((unsigned char *)bytes, sizeof(bytes), 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		snprintf(what, sizeof(what), "send of %d", all[i]);
		errno = 0;
		note_call(what, send(ends.peer, bytes, all[i], 0));
		settle();
		take(0, sizeof(bytes));
	}
}

static void queue_length(void)
{
	int queued = -1;

	datagram_pair(&ends);
	CALL(ioctl(ends.fd, FIONREAD, &queued));
	note("nothing", queued);
	send(ends.peer, "abc", 3, 0);
	send(ends.peer, "defgh", 5, 0);
	settle();
	CALL(ioctl(ends.fd, FIONREAD, &queued));
	note("the first", queued);
	CALL(ioctl(ends.peer, SIOCOUTQ, &queued));
	note("sent", queued);
}

static void connected(void)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int stranger = datagram_socket();

	datagram_pair(&ends);
	getsockname(ends.peer, (struct sockaddr *)&name, &len);
	CALL(connect(ends.fd, (struct sockaddr *)&name, sizeof(name)));
	CALL(sendto(stranger, "stranger", 8, 0, (struct sockaddr *)&ends.address,
		    sizeof(ends.address)));
	send(ends.peer, "friend", 6, 0);
	settle();
	take(0, 64);
	take(0, 64);
	CALL(sendto(ends.fd, "x", 1, 0, (struct sockaddr *)&ends.address, sizeof(ends.address)));
	settle();
	take(0, 64);
}

/* What came before the connect is still there after it. */
static void connect_with_data(void)
{
	struct sockaddr_in nobody = closed_port();

	datagram_pair(&ends);
	send(ends.peer, "before", 6, 0);
	settle();
	CALL(connect(ends.fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	note_poll("connected elsewhere", ends.fd);
	take(0, 64);
}

static void disconnect(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in name, nobody = closed_port();
	socklen_t len = sizeof(name);
	int fd = datagram_socket();

	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	CALL(getsockname(fd, (struct sockaddr *)&name, &len));
	note_address("name when connected", &name, false);
	CALL(connect(fd, &none, sizeof(none)));
	CALL(getsockname(fd, (struct sockaddr *)&name, &len));
	note_address("name when not", &name, false);
	CALL(getpeername(fd, (struct sockaddr *)&name, &len));
	CALL(send(fd, "x", 1, 0));
	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	CALL(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));

	/* The port that a program chose stays. */
	datagram_pair(&ends);
	CALL(connect(ends.fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	CALL(connect(ends.fd, &none, sizeof(none)));
	getsockname(ends.fd, (struct sockaddr *)&name, &len);
	note("the same port", name.sin_port == ends.address.sin_port);
	note_address("name", &name, false);
}

static void destinations(void)
{
	static const char *const all[] = { "0.0.0.0", "127.0.0.1", "127.9.9.9", "224.0.0.1", "240.0.0.1",
					   "255.255.255.255", "203.0.113.5", NULL };
	char what[48];

	for (const char *const *at = all; *at; at++) {
		struct sockaddr_in to = address_of(*at, 9), name = { 0 };
		socklen_t len = sizeof(name);
		int fd = datagram_socket();

		snprintf(what, sizeof(what), "send to %s", *at);
		errno = 0;
		note_call(what, sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
		close(fd);
		fd = datagram_socket();
		snprintf(what, sizeof(what), "connect to %s", *at);
		errno = 0;
		note_call(what, connect(fd, (struct sockaddr *)&to, sizeof(to)));
		getsockname(fd, (struct sockaddr *)&name, &len);
		note_address("from", &name, false);
		close(fd);
	}
	{
		struct sockaddr_in nowhere = address_of("127.0.0.1", 0);

		CALL(sendto(datagram_socket(), "x", 1, 0, (struct sockaddr *)&nowhere,
			    sizeof(nowhere)));
		CALL(connect(datagram_socket(), (struct sockaddr *)&nowhere, sizeof(nowhere)));
		nowhere.sin_family = AF_UNIX;
		CALL(sendto(datagram_socket(), "x", 1, 0, (struct sockaddr *)&nowhere,
			    sizeof(nowhere)));
		nowhere = closed_port();
		nowhere.sin_family = AF_UNSPEC;
		CALL(sendto(datagram_socket(), "x", 1, 0, (struct sockaddr *)&nowhere,
			    sizeof(nowhere)));
	}
}

static void broadcast(void)
{
	static const char *const limited = "255.255.255.255";
	const char *const all[] = { limited, places.broadcast };

	for (size_t i = 0; i < 2; i++) {
		struct sockaddr_in to = address_of(all[i], 9);
		int fd = datagram_socket();

		note_text("to", all[i]);
		CALL(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
		CALL(connect(fd, (struct sockaddr *)&to, sizeof(to)));
		CALL(set_int(fd, SOL_SOCKET, SO_BROADCAST, 1));
		CALL(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
		CALL(connect(fd, (struct sockaddr *)&to, sizeof(to)));
		CALL(send(fd, "x", 1, 0));
		CALL(connect(stream_socket(), (struct sockaddr *)&to, sizeof(to)));
	}
}

/* One's own broadcast comes back to whoever is bound to the port. */
static void broadcast_heard(void)
{
	struct sockaddr_in any = address_of("0.0.0.0", 0), to;
	socklen_t len = sizeof(any);
	int sender = datagram_socket();

	ends.fd = datagram_socket();
	must("bind", bind(ends.fd, (struct sockaddr *)&any, sizeof(any)));
	getsockname(ends.fd, (struct sockaddr *)&any, &len);
	to = address_of(places.broadcast, ntohs(any.sin_port));
	set_int(sender, SOL_SOCKET, SO_BROADCAST, 1);
	CALL(sendto(sender, "all", 3, 0, (struct sockaddr *)&to, sizeof(to)));
	settle();
	take(0, 64);
}

static void show_ancillary(struct msghdr *message)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		char what[48];

		snprintf(what, sizeof(what), "level %d type %d, bytes", at->cmsg_level, at->cmsg_type);
		if (at->cmsg_level == SOL_SOCKET)
			note(what, at->cmsg_len - CMSG_LEN(0)); /* a time */
		else
			note_bytes(what, CMSG_DATA(at), at->cmsg_len - CMSG_LEN(0));
	}
}

static void ancillary(void)
{
	char control[256];
	struct iovec part = { bytes, 64 };
	struct sockaddr_in from;
	struct msghdr message;

	datagram_pair(&ends);
	CALL(set_int(ends.fd, IPPROTO_IP, IP_PKTINFO, 1));
	CALL(set_int(ends.fd, IPPROTO_IP, IP_RECVTTL, 1));
	CALL(set_int(ends.fd, IPPROTO_IP, IP_RECVTOS, 1));
	CALL(set_int(ends.fd, SOL_SOCKET, SO_TIMESTAMP, 1));
	set_int(ends.peer, IPPROTO_IP, IP_TTL, 44);
	set_int(ends.peer, IPPROTO_IP, IP_TOS, 0x48);
	for (int i = 0; i < 3; i++) {
		send(ends.peer, "x", 1, 0);
		settle();
		message = (struct msghdr) {
			.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part,
			.msg_iovlen = 1, .msg_control = control,
			.msg_controllen = i == 0 ? sizeof(control) : i == 1 ? 30 : 0,
		};
		CALL(recvmsg(ends.fd, &message, MSG_DONTWAIT));
		note("flags", message.msg_flags);
		note("length of the name", message.msg_namelen);
		show_ancillary(&message);
	}
}

static void send_ancillary(int type, const void *value, socklen_t len, const char *what)
{
	char control[64] = { 0 };
	struct iovec part = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = CMSG_SPACE(len),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr) {
		.cmsg_len = CMSG_LEN(len), .cmsg_level = IPPROTO_IP, .cmsg_type = type,
	};
	memcpy(CMSG_DATA(header), value, len);
	errno = 0;
	note_call(what, sendmsg(ends.peer, &message, 0));
}

static void ancillary_sent(void)
{
	struct in_pktinfo info = { 0 };
	char control[256];
	struct iovec part = { bytes, 64 };
	int value = 9;

	datagram_pair(&ends);
	set_int(ends.fd, IPPROTO_IP, IP_RECVTTL, 1);
	set_int(ends.fd, IPPROTO_IP, IP_RECVTOS, 1);
	set_int(ends.fd, IPPROTO_IP, IP_PKTINFO, 1);
	send_ancillary(IP_TTL, &value, 4, "a TTL of 9");
	send_ancillary(IP_TTL, &value, 1, "a TTL in one byte");
	value = 0;
	send_ancillary(IP_TTL, &value, 4, "a TTL of 0");
	value = 256;
	send_ancillary(IP_TTL, &value, 4, "a TTL of 256");
	value = 0x10;
	send_ancillary(IP_TOS, &value, 4, "a TOS");
	send_ancillary(IP_TOS, &value, 1, "a TOS in one byte");
	info.ipi_spec_dst.s_addr = htonl(0x7f000009);
	send_ancillary(IP_PKTINFO, &info, sizeof(info), "from 127.0.0.9");
	info.ipi_spec_dst.s_addr = htonl(0xc0000263);
	send_ancillary(IP_PKTINFO, &info, sizeof(info), "from an address that is not ours");
	info = (struct in_pktinfo) { .ipi_ifindex = 1 };
	send_ancillary(IP_PKTINFO, &info, sizeof(info), "through the first interface");
	info.ipi_ifindex = 99;
	send_ancillary(IP_PKTINFO, &info, sizeof(info), "through one that there is not");
	send_ancillary(IP_PKTINFO, &info, 4, "too short");
	send_ancillary(99, &info, 4, "an unknown one");
	settle();
	for (int i = 0; i < 8; i++) {
		struct msghdr message = {
			.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			.msg_controllen = sizeof(control),
		};

		if (CALL(recvmsg(ends.fd, &message, MSG_DONTWAIT)) < 0)
			break;
		show_ancillary(&message);
	}
}

static void many(void)
{
	struct iovec parts[3] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
	struct mmsghdr messages[3];
	struct timespec limit = { .tv_nsec = 50000000 };

	datagram_pair(&ends);
	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < 3; i++) {
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	CALL(sendmmsg(ends.peer, messages, 3, 0));
	settle();
	for (int i = 0; i < 3; i++)
		parts[i] = (struct iovec) { bytes + 100 * i, 100 };
	CALL(recvmmsg(ends.fd, messages, 3, MSG_WAITFORONE, &limit));
	for (int i = 0; i < 3; i++)
		note("length", messages[i].msg_len);
}

static void limits(void)
{
	struct timeval limit = { .tv_usec = 100000 };

	datagram_pair(&ends);
	setsockopt(ends.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	CALL(recv(ends.fd, bytes, 1, 0));
}

/* MSG_MORE holds a datagram back until one without comes. */
static void more(void)
{
	datagram_pair(&ends);
	CALL(send(ends.peer, "abc", 3, MSG_MORE));
	settle();
	take(0, 64);
	CALL(send(ends.peer, "def", 3, 0));
	settle();
	take(0, 64);
}

static void probe_route(void)
{
	datagram_pair(&ends);
	CALL(send(ends.peer, "abc", 3, MSG_CONFIRM));
	CALL(send(ends.peer, "abc", 3, MSG_DONTROUTE));
	CALL(send(ends.peer, "abc", 3, MSG_EOR));
	CALL(send(ends.peer, "abc", 3, MSG_OOB));
	settle();
	take(0, 64);
	take(MSG_OOB, 64);
	take(MSG_ERRQUEUE, 64);
}

/* Of two that share a port, one gets a datagram; with SO_REUSEADDR the last that was bound. */
static void shared_port(void)
{
	int second = datagram_socket(), sender = datagram_socket();
	socklen_t len = sizeof(ends.address);

	ends.fd = datagram_socket();
	set_int(ends.fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(second, SOL_SOCKET, SO_REUSEADDR, 1);
	ends.address = address_of("127.0.0.1", 0);
	must("bind", bind(ends.fd, (struct sockaddr *)&ends.address, len));
	getsockname(ends.fd, (struct sockaddr *)&ends.address, &len);
	must("bind", bind(second, (struct sockaddr *)&ends.address, len));
	CALL(sendto(sender, "who", 3, 0, (struct sockaddr *)&ends.address, len));
	settle();
	note_poll("the first", ends.fd);
	note_poll("the second", second);
}

/* The more exactly a socket is named, the more it is meant. */
static void best_match(void)
{
	int any = datagram_socket(), exact = datagram_socket(), sender = datagram_socket();
	struct sockaddr_in to, wide;
	socklen_t len = sizeof(to);

	set_int(any, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(exact, SOL_SOCKET, SO_REUSEADDR, 1);
	to = address_of("127.0.0.1", 0);
	must("bind", bind(exact, (struct sockaddr *)&to, len));
	getsockname(exact, (struct sockaddr *)&to, &len);
	wide = address_of("0.0.0.0", ntohs(to.sin_port));
	must("bind", bind(any, (struct sockaddr *)&wide, len));
	CALL(sendto(sender, "x", 1, 0, (struct sockaddr *)&to, len));
	settle();
	note_poll("any address", any);
	note_poll("this address", exact);
	to.sin_addr.s_addr = htonl(0x7f000005);
	CALL(sendto(sender, "x", 1, 0, (struct sockaddr *)&to, len));
	settle();
	note_poll("any address", any);
}

static void ping(void)
{
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.sequence = htons(7), .un.echo.id = 99 };
	struct sockaddr_in to = address_of("127.0.0.1", 0);
	socklen_t len = sizeof(to);

	ends.fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	CALL(sendto(ends.fd, "short", 5, 0, (struct sockaddr *)&to, len));
	echo.type = ICMP_ECHOREPLY;
	CALL(sendto(ends.fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, len));
	echo.type = ICMP_ECHO;
	echo.code = 1;
	CALL(sendto(ends.fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, len));
	echo.code = 0;
	CALL(sendto(ends.fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, len));
	settle();
	CALL(recv(ends.fd, &echo, sizeof(echo), MSG_DONTWAIT));
	note("type", echo.type);
	note("sequence", ntohs(echo.un.echo.sequence));
	getsockname(ends.fd, (struct sockaddr *)&to, &len);
	note("the identifier is the port", echo.un.echo.id == to.sin_port);
	CALL(send(ends.fd, &echo, sizeof(echo), 0));
}

const struct call_case datagram_cases[] = {
	{ "boundaries", boundaries }, { "truncation", truncation }, { "sizes", sizes },
	{ "queue-length", queue_length }, { "connected", connected },
	{ "connect-with-data", connect_with_data }, { "disconnect", disconnect },
	{ "destinations", destinations }, { "broadcast", broadcast },
	{ "broadcast-heard", broadcast_heard }, { "ancillary", ancillary },
	{ "ancillary-sent", ancillary_sent }, { "many", many }, { "limits", limits }, { "more", more },
	{ "flags", probe_route }, { "shared-port", shared_port }, { "best-match", best_match },
	{ "ping", ping }, { 0 },
};
