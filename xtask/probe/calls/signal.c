// SPDX-License-Identifier: GPL-2.0-only
/* Signals: calls that are interrupted, calls that are made again, SIGPIPE, SIGIO, SIGURG. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

static char bytes[65536];
static struct ends ends;
static volatile sig_atomic_t seen, count;

static void on_signal(int number)
{
	seen = number;
	count++;
}

/* SIGUSR1 to this process in 100 ms, caught with these flags; SIGALRM is what ends a case. */
static void signal_soon(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
	seen = count = 0;
	if (fork() == 0) {
		usleep(100000);
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
}

/* The same, and something to end a call that was made again. */
static void signal_and_send(int flags, int fd)
{
	signal_soon(flags);
	if (fork() == 0) {
		usleep(250000);
		send(fd, "data", 4, MSG_NOSIGNAL);
		_exit(0);
	}
}

static void done(void)
{
	note("caught", count);
}

static void read_interrupted(void)
{
	connected_pair(&ends);
	signal_soon(0);
	CALL(recv(ends.fd, bytes, 10, 0));
	done();
}

static void read_restarted(void)
{
	connected_pair(&ends);
	signal_and_send(SA_RESTART, ends.peer);
	CALL(recv(ends.fd, bytes, 10, 0));
	done();
}

/* With a time limit of its own, a call is not made again (signal(7)). */
static void read_limited(void)
{
	struct timeval limit = { .tv_sec = 5 };

	connected_pair(&ends);
	setsockopt(ends.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	signal_soon(SA_RESTART);
	CALL(recv(ends.fd, bytes, 10, 0));
	done();
}

static void read_all_interrupted(void)
{
	connected_pair(&ends);
	send(ends.peer, "ab", 2, 0);
	signal_soon(0);
	CALL(recv(ends.fd, bytes, 10, MSG_WAITALL));
	done();
}

static void read_all_restarted(void)
{
	connected_pair(&ends);
	send(ends.peer, "ab", 2, 0);
	signal_soon(SA_RESTART);
	CALL(recv(ends.fd, bytes, 10, MSG_WAITALL));
	done();
}

static void write_interrupted(void)
{
	connected_pair(&ends);
	fill_up(ends.fd);
	signal_soon(0);
	CALL(send(ends.fd, bytes, sizeof(bytes), 0));
	done();
}

static void write_limited(void)
{
	struct timeval limit = { .tv_sec = 5 };
	connected_pair(&ends);
	setsockopt(ends.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	fill_up(ends.fd);
	signal_soon(SA_RESTART);
	CALL(send(ends.fd, bytes, sizeof(bytes), 0));
	done();
}

static void accept_interrupted(void)
{
	int fd = listen_on("127.0.0.1", 2, &ends.address);

	signal_soon(0);
	CALL(accept(fd, NULL, NULL));
	done();
}

static void accept_restarted(void)
{
	int fd = listen_on("127.0.0.1", 2, &ends.address);

	signal_soon(SA_RESTART);
	if (fork() == 0) {
		usleep(250000);
		connect(stream_socket(), (struct sockaddr *)&ends.address, sizeof(ends.address));
		_exit(0);
	}
	CALL(accept(fd, NULL, NULL));
	done();
}

/* A connect that was interrupted goes on by itself. */
static void connect_interrupted(void)
{
	int fd = stream_socket();

	signal_soon(0);
	CALL(connect_to(fd, places.silent, 80));
	done();
	signal_soon(0);
	CALL(connect_to(fd, places.silent, 80));
	set_nonblocking(fd);
	CALL(connect_to(fd, places.silent, 80));
	note_poll("meanwhile", fd);
}

static void datagram_interrupted(void)
{
	datagram_pair(&ends);
	signal_soon(0);
	CALL(recv(ends.fd, bytes, 10, 0));
	done();
}

static void datagram_restarted(void)
{
	datagram_pair(&ends);
	signal_and_send(SA_RESTART, ends.peer);
	CALL(recv(ends.fd, bytes, 10, 0));
	done();
}

/* Waiting for readiness is never made again. */
static void waits(void)
{
	struct pollfd item;
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0);
	fd_set set;

	connected_pair(&ends);
	item = (struct pollfd) { .fd = ends.fd, .events = POLLIN };
	signal_soon(SA_RESTART);
	CALL(poll(&item, 1, 5000));
	done();
	FD_ZERO(&set);
	FD_SET(ends.fd, &set);
	signal_soon(SA_RESTART);
	CALL(select(ends.fd + 1, &set, NULL, NULL, NULL));
	done();
	epoll_ctl(epoll, EPOLL_CTL_ADD, ends.fd, &event);
	signal_soon(SA_RESTART);
	CALL(epoll_wait(epoll, &event, 1, 5000));
	done();
}

static void pipe_signal(void)
{
	connected_pair(&ends);
	signal(SIGPIPE, on_signal);
	shutdown(ends.fd, SHUT_WR);
	count = 0;
	CALL(send(ends.fd, "x", 1, MSG_NOSIGNAL));
	done();
	CALL(send(ends.fd, "x", 1, 0));
	done();
	CALL(write(ends.fd, "x", 1));
	done();
	CALL(write(stream_socket(), "x", 1));
	done();
	reset_on_close(ends.peer);
	close(ends.peer);
	settle();
	CALL(write(ends.fd, "x", 1));
	CALL(write(ends.fd, "x", 1));
	done();
}

static void io_signal(void)
{
	connected_pair(&ends);
	signal(SIGIO, on_signal);
	CALL(fcntl(ends.fd, F_SETOWN, getpid()));
	CALL(fcntl(ends.fd, F_SETFL, O_ASYNC));
	count = 0;
	send(ends.peer, "x", 1, 0);
	settle();
	note("signal", seen == SIGIO);
	note("some", count > 0);
	recv(ends.fd, bytes, 1, 0);
	count = 0;
	close(ends.peer);
	settle();
	note("some when the peer closes", count > 0);
}

static void io_signal_listener(void)
{
	int fd = listen_on("127.0.0.1", 2, &ends.address);

	signal(SIGIO, on_signal);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_ASYNC);
	count = 0;
	connect(stream_socket(), (struct sockaddr *)&ends.address, sizeof(ends.address));
	settle();
	note("some", count > 0);
}

static void urgent_signal(void)
{
	connected_pair(&ends);
	signal(SIGURG, on_signal);
	count = 0;
	send(ends.peer, "U", 1, MSG_OOB);
	settle();
	note("without an owner", count);
	recv(ends.fd, bytes, 1, MSG_OOB);
	fcntl(ends.fd, F_SETOWN, getpid());
	send(ends.peer, "U", 1, MSG_OOB);
	settle();
	note("with one", count);
}

const struct call_case signal_cases[] = {
	{ "read-interrupted", read_interrupted }, { "read-restarted", read_restarted },
	{ "read-limited", read_limited }, { "read-all-interrupted", read_all_interrupted },
	{ "read-all-restarted", read_all_restarted }, { "write-interrupted", write_interrupted },
	{ "write-limited", write_limited }, { "accept-interrupted", accept_interrupted },
	{ "accept-restarted", accept_restarted }, { "connect-interrupted", connect_interrupted },
	{ "datagram-interrupted", datagram_interrupted }, { "datagram-restarted", datagram_restarted },
	{ "waits", waits }, { "pipe", pipe_signal }, { "io", io_signal },
	{ "io-listener", io_signal_listener }, { "urgent", urgent_signal }, { 0 },
};
