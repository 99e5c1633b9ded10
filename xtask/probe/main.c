// SPDX-License-Identifier: GPL-2.0-only
/* Chooses what to check by the first argument. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

static int usage(void)
{
	fputs("usage: probe errors PEER CLOSED-PORT RESET-PORT\n"
	      "       probe timeouts SILENT ABSENT\n"
	      "       probe readiness PEER ECHO-PORT\n"
	      "       probe listen | backlog\n"
	      "       probe datagrams PEER ECHO-PORT\n"
	      "       probe loopback OWN-ADDRESS\n"
	      "       probe steady PEER ECHO-PORT STOP-FILE\n"
	      "       probe module PEER ECHO-PORT\n"
	      "       probe calls PEER SILENT ABSENT OWN BROADCAST ECHO-PORT CLOSED-PORT RESET-PORT"
	      " [PREFIX]\n"
	      "       probe sequences FIRST-SEED COUNT LENGTH [,SKIPPED-STEP,...,]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "errors") && argc == 5)
		probe_errors(argv[2], atoi(argv[3]), atoi(argv[4]));
	else if (!strcmp(what, "timeouts") && argc == 4)
		probe_timeouts(argv[2], argv[3]);
	else if (!strcmp(what, "readiness") && argc == 4)
		probe_readiness(argv[2], atoi(argv[3]));
	else if (!strcmp(what, "listen") && argc == 2)
		probe_listen();
	else if (!strcmp(what, "backlog") && argc == 2)
		probe_backlog();
	else if (!strcmp(what, "datagrams") && argc == 4)
		probe_datagrams(argv[2], atoi(argv[3]));
	else if (!strcmp(what, "loopback") && argc == 3)
		probe_loopback(argv[2]);
	else if (!strcmp(what, "steady") && argc == 5)
		probe_steady(argv[2], atoi(argv[3]), argv[4]);
	else if (!strcmp(what, "module") && argc == 4)
		probe_module(argv[2], atoi(argv[3]));
	else if (!strcmp(what, "calls") && (argc == 10 || argc == 11)) {
		probe_calls(argv + 2);
		return 0;
	} else if (!strcmp(what, "sequences") && (argc == 5 || argc == 6)) {
		probe_sequences(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), argv[5]);
		return 0;
	} else
		return usage();
	return check_summary();
}
