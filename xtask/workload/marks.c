// SPDX-License-Identifier: GPL-2.0-only
/* Places in the code that the counter knows by their addresses. */
#include "workload.h"

/* Each differs from the others, or the compiler would make one of them. */
__attribute__((noinline)) void mark_ready(void)
{
	asm volatile("" : : "i" (1) : "memory");
}

__attribute__((noinline)) void mark_begin(void)
{
	asm volatile("" : : "i" (2) : "memory");
}

__attribute__((noinline)) void mark_end(void)
{
	asm volatile("" : : "i" (3) : "memory");
}
