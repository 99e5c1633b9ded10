// SPDX-License-Identifier: GPL-2.0-only
/* Urgent data: one byte beside the stream, or in it, and the mark. */
#include <poll.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>

#include "calls.h"

static char bytes[64];
static struct ends ends;

static void start(void)
{
	connected_pair(&ends);
	set_nonblocking(ends.fd);
}

static void out(const char *text, int len, int flags)
{
	send(ends.peer, text, len, flags);
	settle();
}

static void take(int flags, size_t len)
{
	long got = CALL(recv(ends.fd, bytes, len, flags));

	if (got > 0)
		note_bytes("bytes", bytes, got);
}

static void mark(void)
{
	int at = -1;

	CALL(ioctl(ends.fd, SIOCATMARK, &at));
	note("at the mark", at);
}

static void beside(void)
{
	start();
	out("abc", 3, 0);
	out("U", 1, MSG_OOB);
	out("def", 3, 0);
	note_poll("then", ends.fd);
	mark();
	take(0, 20);
	note_poll("then", ends.fd);
	mark();
	take(MSG_OOB, 1);
	take(MSG_OOB, 1);
	note_poll("then", ends.fd);
	mark();
	take(0, 20);
	mark();
}

static void first_the_urgent(void)
{
	start();
	out("abcU", 4, MSG_OOB);
	out("def", 3, 0);
	take(MSG_OOB | MSG_PEEK, 1);
	take(MSG_OOB, 1);
	note_poll("then", ends.fd);
	take(0, 20);
	mark();
	take(0, 20);
}

static void in_line(void)
{
	start();
	CALL(set_int(ends.fd, SOL_SOCKET, SO_OOBINLINE, 1));
	out("abcU", 4, MSG_OOB);
	out("def", 3, 0);
	take(MSG_OOB, 1);
	take(0, 20);
	mark();
	take(0, 20);
	mark();
}

static void two(void)
{
	start();
	out("aX", 2, MSG_OOB);
	out("bY", 2, MSG_OOB);
	note_poll("then", ends.fd);
	take(0, 20);
	take(MSG_OOB, 1);
	take(0, 20);
	take(0, 20);
}

static void two_the_first_read(void)
{
	start();
	out("aX", 2, MSG_OOB);
	take(MSG_OOB, 1);
	out("bY", 2, MSG_OOB);
	take(MSG_OOB, 1);
	take(0, 20);
	take(0, 20);
}

static void peek_to_the_mark(void)
{
	start();
	out("abU", 3, MSG_OOB);
	out("cd", 2, 0);
	take(MSG_PEEK, 20);
	take(0, 1);
	take(MSG_PEEK, 20);
	take(0, 20);
	take(MSG_PEEK, 20);
	take(0, 20);
}

static void alone(void)
{
	start();
	out("U", 1, MSG_OOB);
	note_poll("then", ends.fd);
	mark();
	take(0, 20);
	note_poll("then", ends.fd);
	take(MSG_OOB, 0);
	take(MSG_OOB, 9);
	note_poll("then", ends.fd);
}

static void then_the_end(void)
{
	start();
	out("abU", 3, MSG_OOB);
	shutdown(ends.peer, SHUT_WR);
	settle();
	note_poll("then", ends.fd);
	take(0, 20);
	take(0, 20);
	take(MSG_OOB, 1);
}

static void none(void)
{
	start();
	take(MSG_OOB, 1);
	out("abc", 3, 0);
	take(MSG_OOB, 1);
	mark();
}

const struct call_case urgent_cases[] = {
	{ "beside", beside }, { "first-the-urgent", first_the_urgent }, { "in-line", in_line },
	{ "two", two }, { "two-the-first-read", two_the_first_read },
	{ "peek-to-the-mark", peek_to_the_mark }, { "alone", alone }, { "then-the-end", then_the_end },
	{ "none", none }, { 0 },
};
