// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections to a host that swallows everything and to one that is not
 * there. Both take about three seconds, at the same time.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define USER_TIMEOUT 3000	/* milliseconds */
#define LIMIT 20000		/* milliseconds: a hang, if it is not over by then */

void probe_timeouts(const char *silent, const char *absent)
{
	int timeout = USER_TIMEOUT, tries = 1;
	int unanswered = stream_socket(), unreachable = stream_socket();

	/* Linux ends at the earlier of the two; a stack may lack the first. */
	setsockopt(unanswered, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries));
	check_number("timeout-option", setsockopt(unanswered, IPPROTO_TCP, TCP_USER_TIMEOUT,
						  &timeout, sizeof(timeout)), 0);
	set_nonblocking(unanswered);
	set_nonblocking(unreachable);
	check_errno("timeout-in-progress", connect_to(unanswered, silent, 80), EINPROGRESS);
	check_errno("unreachable-in-progress", connect_to(unreachable, absent, 80), EINPROGRESS);
	check_errno("timeout-already", connect_to(unanswered, silent, 80), EALREADY);

	check_number("timeout-poll", poll_one(unanswered, POLLOUT, LIMIT),
		     POLLOUT | POLLERR | POLLHUP);
	check_errno("timeout-so-error", socket_error(unanswered), ETIMEDOUT);
	check_number("unreachable-poll", poll_one(unreachable, POLLOUT, LIMIT),
		     POLLOUT | POLLERR | POLLHUP);
	check_errno("unreachable-so-error", socket_error(unreachable), EHOSTUNREACH);
	close(unanswered);
	close(unreachable);
}
