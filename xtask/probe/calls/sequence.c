// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generated sequences of calls over a few sockets: the same for a seed,
 * whatever comes of them. Some steps can be left out without changing the
 * others, so that a sequence on which two stacks differ can be made shorter.
 */
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "calls.h"

#define SLOTS 6
#define LARGEST 900	/* bytes: what is sent in a sequence never fills a buffer */

struct slot {
	int fd;
	bool named, accepted;
	bool sent;	/* to nobody: Linux binds it all the same (docs/posix.md) */
	bool shut;	/* in vain: on Linux, what is connected later is shut, too (docs/posix.md) */
	int seen;	/* what poll said last; -1 at first */
	struct sockaddr_in name;	/* where to connect or send to, if it has one */
};

struct run {
	unsigned int seed;
	int length;
	const char *skipped;	/* numbers of steps, each after a comma */
};

static struct slot slots[SLOTS];
static unsigned char bytes[4096];
static unsigned int random_state;
static char what[96];

static unsigned int draw(unsigned int below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % below;
}

static bool is_skipped(const char *list, int step)
{
	char number[16];

	snprintf(number, sizeof(number), ",%d,", step);
	return list && strstr(list, number);
}

static void said(int step, const char *call, int slot, long value)
{
	snprintf(what, sizeof(what), "%d %s %c", step, call, 'a' + slot);
	note_call(what, value);
}

/* The first slot from `at` on that has a socket, or has none; `at` if there is no such. */
static int slot_from(int at, bool open)
{
	for (int i = 0; i < SLOTS; i++)
		if ((slots[(at + i) % SLOTS].fd >= 0) == open)
			return (at + i) % SLOTS;
	return at;
}

static void make(int step, struct slot *slot, int at, bool stream)
{
	errno = 0;
	if (slot->fd >= 0)
		return;
	*slot = (struct slot) { .seen = -1 };
	slot->fd = socket(AF_INET, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
	if (stream)
		set_int(slot->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	said(step, stream ? "stream" : "datagram", at, 0);
}

static void name_it(int step, struct slot *slot, int at)
{
	socklen_t len = sizeof(slot->name);
	struct sockaddr_in loopback = address_of("127.0.0.1", 0);
	int result;

	if (slot->sent)
		return;
	errno = 0;
	result = bind(slot->fd, (struct sockaddr *)&loopback, sizeof(loopback));
	said(step, "bind", at, result);
	if (result == 0) {
		getsockname(slot->fd, (struct sockaddr *)&slot->name, &len);
		slot->named = true;
	}
}

/* Another socket's address, or one where nobody is. */
static struct sockaddr_in somewhere(int at)
{
	return slots[at].named ? slots[at].name : closed_port();
}

static void take_in(int step, int at)
{
	int fd, free = 0;

	while (free < SLOTS && slots[free].fd >= 0)
		free++;
	if (free == SLOTS)
		return;
	errno = 0;
	fd = accept(slots[at].fd, NULL, NULL);
	said(step, "accept", at, fd < 0 ? -1 : free);
	if (fd < 0)
		return;
	slots[free] = (struct slot) { .fd = fd, .accepted = true, .seen = -1 };
	set_nonblocking(fd);
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void receive(int step, int at, int len, int flags, const char *call)
{
	long got;

	errno = 0;
	got = recv(slots[at].fd, bytes, len, flags);
	said(step, call, at, got);
	snprintf(what, sizeof(what), "%d bytes", step);
	if (got > 0 && !(flags & MSG_TRUNC))
		note_bytes(what, bytes, got);
}

static void transmit(int step, int at, int len, int flags, const struct sockaddr_in *to)
{
	long sent;

	fill(bytes, len, step);
	errno = 0;
	sent = sendto(slots[at].fd, bytes, len, flags | MSG_NOSIGNAL, (const struct sockaddr *)to,
		      to ? sizeof(*to) : 0);
	slots[at].sent |= sent < 0;
	said(step, to ? "sendto" : flags & MSG_OOB ? "send urgent" : "send", at, sent);
}

static void set_option(int step, int at, unsigned int which)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 }, { SOL_SOCKET, SO_RCVLOWAT, 300 },
		{ SOL_SOCKET, SO_RCVLOWAT, 1 }, { IPPROTO_TCP, TCP_NODELAY, 1 },
		{ IPPROTO_IP, IP_TTL, 7 }, { SOL_SOCKET, SO_BROADCAST, 1 },
	};

	which %= sizeof(options) / sizeof(*options);
	errno = 0;
	said(step, "setsockopt", at,
	     set_int(slots[at].fd, options[which].level, options[which].name, options[which].value));
}

/* One step on the slot `at`; `other` and `number` are drawn for whoever needs them. */
static void act(int step, unsigned int action, int at, int other, unsigned int number)
{
	struct slot *slot = &slots[at];
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in to;
	int queued = -1, result;

	if (action < 8)
		return make(step, slot, at, action < 6);
	if (slot->fd < 0)
		return;
	errno = 0;
	switch (action) {
	case 8 ... 11:
		return name_it(step, slot, at);
	case 12 ... 15:
		return said(step, "listen", at, listen(slot->fd, 3));
	case 16 ... 23:
		to = somewhere(other);
		if (slot->shut)
			return;
		errno = 0;
		return said(step, "connect", at, connect(slot->fd, (struct sockaddr *)&to, sizeof(to)));
	case 24 ... 29:
		return take_in(step, at);
	case 30 ... 39:
		return transmit(step, at, 1 + number % LARGEST, 0, NULL);
	case 40 ... 49:
		return receive(step, at, 1 + number % sizeof(bytes), 0, "recv");
	case 50 ... 51:
		return receive(step, at, 1 + number % 700, MSG_PEEK, "peek");
	case 52 ... 55:
		result = shutdown(slot->fd, number % 3);
		slot->shut |= result != 0;
		return said(step, "shutdown", at, result);
	case 56 ... 59:
		said(step, "close", at, close(slot->fd));
		*slot = (struct slot) { .fd = -1 };
		return;
	case 60 ... 61:
		return said(step, "SO_ERROR", at, get_int(slot->fd, SOL_SOCKET, SO_ERROR));
	case 62 ... 63:
		return set_option(step, at, number);
	case 64:
		return said(step, "disconnect", at, connect(slot->fd, &none, sizeof(none)));
	case 65 ... 66:
		said(step, "FIONREAD", at, ioctl(slot->fd, FIONREAD, &queued));
		snprintf(what, sizeof(what), "%d value", step);
		return note(what, queued);
	case 67 ... 69:
		to = somewhere(other);
		return transmit(step, at, number % LARGEST, 0, &to);
	case 70:
		return transmit(step, at, 1 + number % 3, MSG_OOB, NULL);
	case 71:
		return receive(step, at, 1, MSG_OOB, "recv urgent");
	case 72:
		/* Of a client that waits to be accepted, a reset is told in another way. */
		if (slot->accepted)
			reset_on_close(slot->fd);
		return;
	default:
		return receive(step, at, number % 2000, MSG_TRUNC, "recv truncated");
	}
}

/* What has changed since the last time. */
static void poll_all(int step)
{
	for (int i = 0; i < SLOTS; i++) {
		int events = slots[i].fd < 0 ? -1 : poll_one(slots[i].fd, ALL_EVENTS, 0);

		if (slots[i].fd < 0 || events == slots[i].seen)
			continue;
		slots[i].seen = events;
		snprintf(what, sizeof(what), "%d poll %c", step, 'a' + i);
		note_events(what, events);
	}
}

/* A listener, a connection, its accepted end, and two datagram sockets: a, b, c, d, e. */
static void prologue(void)
{
	make(0, &slots[0], 0, true);
	name_it(0, &slots[0], 0);
	listen(slots[0].fd, 3);
	make(0, &slots[1], 1, true);
	connect(slots[1].fd, (struct sockaddr *)&slots[0].name, sizeof(slots[0].name));
	settle();
	take_in(0, 0);
	make(0, &slots[3], 3, false);
	name_it(0, &slots[3], 3);
	make(0, &slots[4], 4, false);
	connect(slots[4].fd, (struct sockaddr *)&slots[3].name, sizeof(slots[3].name));
}

static void run(const void *argument)
{
	const struct run *it = argument;

	random_state = it->seed * 2654435761u + 1;
	for (int i = 0; i < SLOTS; i++)
		slots[i].fd = -1;
	if (it->seed % 4)
		prologue();
	for (int step = 1; step <= it->length; step++) {
		unsigned int action = draw(74), at = draw(SLOTS), other = draw(SLOTS);
		unsigned int number = draw(1 << 20);

		if (is_skipped(it->skipped, step))
			continue;
		act(step, action, slot_from(at, action >= 8), other, number);
		settle();
		poll_all(step);
	}
}

void probe_sequences(unsigned int first, int count, int length, const char *skipped)
{
	char name[32];

	keep_to_one_processor();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < count; i++) {
		struct run it = { first + i, length, skipped };

		snprintf(name, sizeof(name), "sequence/%u", it.seed);
		case_run(name, run, &it);
	}
	case_end();
}
