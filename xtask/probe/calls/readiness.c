// SPDX-License-Identifier: GPL-2.0-only
/* What poll, select and epoll, by level and by edge, say in every state. */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "calls.h"

/* All but the two that change how epoll works, and the bit that nothing sets. */
#define ALL (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDNORM | EPOLLRDBAND | EPOLLWRNORM | EPOLLWRBAND | \
	     EPOLLRDHUP)

static void by_poll(int fd)
{
	static const short asked[] = { 0, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM, POLLRDBAND,
				       POLLWRBAND, 0x2000 };
	char what[32];

	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		snprintf(what, sizeof(what), "asked for %#x", asked[i]);
		note_events(what, poll_one(fd, asked[i], 0));
	}
}

static void by_select(int fd)
{
	struct timeval now = { 0 };
	fd_set readable, writable, exceptional;

	FD_ZERO(&readable);
	FD_SET(fd, &readable);
	writable = exceptional = readable;
	CALL(select(fd + 1, &readable, &writable, &exceptional, &now));
	note("readable", FD_ISSET(fd, &readable) != 0);
	note("writable", FD_ISSET(fd, &writable) != 0);
	note("exceptional", FD_ISSET(fd, &exceptional) != 0);
}

static void wait_once(const char *what, int epoll)
{
	struct epoll_event event = { 0 };
	int count = epoll_wait(epoll, &event, 1, 0);

	must("epoll_wait", count);
	note_events(what, count ? event.events : 0);
}

static void by_epoll(int fd, unsigned int how)
{
	struct epoll_event event = { .events = ALL | how };
	int epoll = epoll_create1(0);

	must("epoll_create1", epoll);
	CALL(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	wait_once("first", epoll);
	wait_once("second", epoll);
	/* Armed anew, an edge is seen again. */
	CALL(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
	wait_once("armed again", epoll);
	event.events = EPOLLIN | how;
	CALL(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
	wait_once("input alone", epoll);
	close(epoll);
}

static void level(int fd)
{
	by_epoll(fd, 0);
}

static void edge(int fd)
{
	by_epoll(fd, EPOLLET);
}

static void one_shot(int fd)
{
	by_epoll(fd, EPOLLONESHOT);
}

struct asked {
	const struct state *state;
	void (*ask)(int fd);
};

static void run(const void *argument)
{
	const struct asked *it = argument;
	struct ends ends;

	it->ask(enter(it->state, &ends));
}

void calls_readiness(void)
{
	static const struct {
		const char *name;
		void (*ask)(int fd);
	} ways[] = {
		{ "poll", by_poll }, { "select", by_select }, { "epoll-level", level },
		{ "epoll-edge", edge }, { "epoll-one-shot", one_shot },
	};
	char name[80];

	for (size_t i = 0; i < states_count; i++) {
		for (size_t j = 0; j < sizeof(ways) / sizeof(*ways); j++) {
			struct asked it = { &states[i], ways[j].ask };

			snprintf(name, sizeof(name), "%s/%s", states[i].name, ways[j].name);
			case_run(name, run, &it);
		}
	}
}
