/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Socket calls whose every result is written down, for a comparison of two
 * stacks: the same program runs on both, and the lines must be equal.
 *
 * A case is a function with a name. It runs in a process of its own, so that
 * it starts with no sockets, ends with none, and may hang or die:
 *
 *	case NAME
 *	  what was done = what came of it
 *
 * Nothing is written that may differ between two runs: no ports that the
 * stack chose, no times, no sizes of buffers.
 */
#ifndef CALLS_H
#define CALLS_H

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "../probe.h"

struct call_case {
	const char *name;
	void (*run)(void);
};

/* Where the peer is; what every case may use. */
struct places {
	const char *peer, *silent, *absent, *own, *broadcast;
	int echo_port, closed_port, reset_port;
};

extern struct places places;

/* All that can be asked of poll, POLLMSG and POLLRDHUP by number. */
#define ALL_EVENTS 0x27df

/* note.c: the lines. */
void note(const char *what, long value);
void note_call(const char *what, long value);
void note_text(const char *what, const char *text);
void note_bytes(const char *what, const void *bytes, long len);
void note_events(const char *what, unsigned int events);
void note_poll(const char *what, int fd);
void note_address(const char *what, const struct sockaddr_in *address, bool with_port);

/* Makes a call and writes down how it looks, what it returned, and errno. */
#define CALL(call) ({					\
	errno = 0;					\
	long value_ = (long)(call);			\
	int errno_ = errno;				\
	note_call(#call, value_);			\
	errno = errno_;					\
	value_;						\
})

/* run.c: each case in a process of its own. */
void case_run(const char *name, void (*run)(const void *), const void *argument);
void case_table(const char *prefix, const struct call_case *cases);
void case_end(void);
void keep_to_one_processor(void);
/* Waits until what was sent over loopback has arrived. */
void settle(void);

/* states.c: a socket in each state that a program can bring it to. */
struct ends {
	int fd;				/* the socket under test */
	int peer;			/* its other end, if there is one */
	int listener;
	struct sockaddr_in address;	/* where a listener or receiver is */
};

struct state {
	const char *name;
	int type, protocol;
	void (*enter)(struct ends *ends);
};

extern const struct state states[];
extern const size_t states_count;

int enter(const struct state *state, struct ends *ends);
void connected_pair(struct ends *ends);
void datagram_pair(struct ends *ends);
struct sockaddr_in closed_port(void);
void reset_on_close(int fd);
bool await(int fd, int events);
void fill_up(int fd);
int set_int(int fd, int level, int name, int value);
int get_int(int fd, int level, int name);

/* One file each: what is compared is at its head. */
void calls_matrix(void);
void calls_readiness(void);
void calls_options(void);
extern const struct call_case create_cases[], stream_cases[], listen_cases[], shutdown_cases[],
	blocked_cases[], signal_cases[], urgent_cases[], datagram_cases[], multicast_cases[],
	error_cases[], transfer_cases[], ioctl_cases[], edge_cases[];

#endif
