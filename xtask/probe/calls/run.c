// SPDX-License-Identifier: GPL-2.0-only
/* Runs cases, each in a process of its own; all of them, or those that were named. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

#define LIMIT 20	/* seconds: longer than anything that waits on purpose */

struct places places;

static const char *only = "";
static int cases;

/*
 * Without a LOCK prefix, which nothing for this target has, threads are safe
 * on one processor.
 */
void keep_to_one_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

void case_run(const char *name, void (*run)(const void *), const void *argument)
{
	int status;
	pid_t child;

	if (strncmp(name, only, strlen(only)))
		return;
	printf("case %s\n", name);
	fflush(stdout);
	cases++;
	child = fork();
	must("fork", child);
	if (child == 0) {
		alarm(LIMIT);
		signal(SIGPIPE, SIG_IGN);
		run(argument);
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		note(WTERMSIG(status) == SIGALRM ? "hung, ended by signal" : "died of signal",
		     WTERMSIG(status));
	else if (WEXITSTATUS(status))
		note("exit status", WEXITSTATUS(status));
}

static void run_plain(const void *argument)
{
	((const struct call_case *)argument)->run();
}

void case_table(const char *prefix, const struct call_case *table)
{
	char name[80];

	for (; table->name; table++) {
		snprintf(name, sizeof(name), "%s/%s", prefix, table->name);
		case_run(name, run_plain, table);
	}
}

/* The last line, without which a transcript is not whole. */
void case_end(void)
{
	printf("end of %d cases\n", cases);
}

/* Two ticks of a kernel with 100 of them a second. */
void settle(void)
{
	usleep(15000);
}

void probe_calls(char **argv)
{
	places = (struct places) {
		.peer = argv[0], .silent = argv[1], .absent = argv[2], .own = argv[3],
		.broadcast = argv[4], .echo_port = atoi(argv[5]), .closed_port = atoi(argv[6]),
		.reset_port = atoi(argv[7]),
	};
	only = argv[8] ? argv[8] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	keep_to_one_processor();

	case_table("create", create_cases);
	calls_matrix();
	calls_readiness();
	case_table("edge", edge_cases);
	calls_options();
	case_table("stream", stream_cases);
	case_table("listen", listen_cases);
	case_table("shutdown", shutdown_cases);
	case_table("blocked", blocked_cases);
	case_table("signal", signal_cases);
	case_table("urgent", urgent_cases);
	case_table("datagram", datagram_cases);
	case_table("multicast", multicast_cases);
	case_table("error", error_cases);
	case_table("transfer", transfer_cases);
	case_table("ioctl", ioctl_cases);
	case_end();
}
