// SPDX-License-Identifier: GPL-2.0-only
/* The report: one line a check, written out at once. */
#include <stdio.h>
#include <string.h>

#include "probe.h"

static int checks;
static int failures;

static void report(const char *name, bool holds, const char *got, const char *expected)
{
	char line[256];

	checks++;
	if (holds)
		snprintf(line, sizeof(line), "%s ok", name);
	else
		snprintf(line, sizeof(line), "%s FAIL got %s expected %s", name, got, expected);
	if (!holds)
		failures++;
	puts(line);
	fflush(stdout);
}

void check_number(const char *name, long got, long expected)
{
	char got_text[24], expected_text[24];

	snprintf(got_text, sizeof(got_text), "%ld", got);
	snprintf(expected_text, sizeof(expected_text), "%ld", expected);
	report(name, got == expected, got_text, expected_text);
}

/* Zero stands for success. */
void check_errno(const char *name, int got, int expected)
{
	char got_text[64], expected_text[64];

	snprintf(got_text, sizeof(got_text), "%d (%s)", got, got ? strerror(got) : "success");
	snprintf(expected_text, sizeof(expected_text), "%d (%s)", expected,
		 expected ? strerror(expected) : "success");
	report(name, got == expected, got_text, expected_text);
}

void check_true(const char *name, bool holds, const char *got)
{
	report(name, holds, got, "otherwise");
}

int check_summary(void)
{
	printf("done %d %d\n", checks, failures);
	return failures ? 1 : 0;
}
