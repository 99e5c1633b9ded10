// SPDX-License-Identifier: GPL-2.0-only
/* The lines of a case: the same text whenever the same thing has happened. */
#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"

/* Bytes of which all are shown; of more, a checksum. */
#define SHOWN 24

void note(const char *what, long value)
{
	printf("  %s = %ld\n", what, value);
}

void note_call(const char *what, long value)
{
	if (value < 0)
		printf("  %s = %ld (%s)\n", what, value, errno ? strerror(errno) : "no errno");
	else
		note(what, value);
}

void note_text(const char *what, const char *text)
{
	printf("  %s = %s\n", what, text);
}

void note_bytes(const char *what, const void *bytes, long len)
{
	const unsigned char *byte = bytes;
	unsigned int sum = 0;

	printf("  %s = ", what);
	if (len < 0) {
		puts("none");
		return;
	}
	for (long i = 0; i < len; i++) {
		sum = sum * 31 + byte[i];
		if (len <= SHOWN)
			printf(isprint(byte[i]) ? "%c" : "\\%02x", byte[i]);
	}
	if (len > SHOWN)
		printf("%ld bytes, checksum %08x", len, sum);
	putchar('\n');
}

/* EPOLL* and POLL* have the same values. */
void note_events(const char *what, unsigned int events)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {
		{ POLLIN, " IN" }, { POLLPRI, " PRI" }, { POLLOUT, " OUT" }, { POLLERR, " ERR" },
		{ POLLHUP, " HUP" }, { POLLNVAL, " NVAL" }, { POLLRDNORM, " RDNORM" },
		{ POLLRDBAND, " RDBAND" }, { POLLWRNORM, " WRNORM" }, { POLLWRBAND, " WRBAND" },
		{ 0x400, " MSG" }, { 0x2000, " RDHUP" },
	};

	printf("  %s =", what);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (events & names[i].bit)
			fputs(names[i].name, stdout);
	puts(events ? "" : " nothing");
}

void note_poll(const char *what, int fd)
{
	note_events(what, poll_one(fd, ALL_EVENTS, 0));
}

void note_address(const char *what, const struct sockaddr_in *address, bool with_port)
{
	char text[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
	printf("  %s = family %d %s", what, address->sin_family, text);
	printf(with_port ? " port %d\n" : address->sin_port ? " some port\n" : " no port\n",
	       ntohs(address->sin_port));
}
